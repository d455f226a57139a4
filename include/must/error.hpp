// SPDX-License-Identifier: MIT
// error: what went wrong, as one value, and the family of exceptions that carries it.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep
#include "must/fwd.hpp"

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace must {

/// Every kind of failure that `must` reports.
enum class error_code {
  unauthorized,       ///< The rule be_authorized refused the command.
  invalid,            ///< A rule other than be_authorized refused the command, or parse refused its document.
  version_conflict,   ///< The append condition did not hold at any attempt, and nothing was stored.
  duplicate_id,       ///< An event id is stored with other content, or stands twice in one append.
  duplicate_command,  ///< A command with other content has used the command id before.
  position_ahead,     ///< An append condition names a position above the head of the store.
  bad_input,          ///< A name, id, size, option or other input is outside its range. `field` says which.
  codec_error,        ///< A payload cannot be read as the type that was asked for.
  erased,             ///< The payload of an event is needed, and was erased.
  storage_error,      ///< The backend of a store failed. `operation`, `backend_code` and `retryable` say how.
  outcome_unknown,    ///< The store cannot say whether the append is stored.
  not_owner,          ///< Another process follows under the name of the subscription. The message names it.
  history_changed,    ///< The store has lost events that one of its readers has seen: it was restored or replaced.
  poison,             ///< An event can never be handled: its receiver refused it, or every attempt crashed.
  undeliverable       ///< A delivery can deliver nothing until a person has changed something.
};

/// Returns the name of a code as it is written in C++, such as "version_conflict". It is empty for a number that is no
/// code.
[[nodiscard]] constexpr std::string_view name_of(error_code code) noexcept {
  switch (code) {
    case error_code::unauthorized: return "unauthorized";
    case error_code::invalid: return "invalid";
    case error_code::version_conflict: return "version_conflict";
    case error_code::duplicate_id: return "duplicate_id";
    case error_code::duplicate_command: return "duplicate_command";
    case error_code::position_ahead: return "position_ahead";
    case error_code::bad_input: return "bad_input";
    case error_code::codec_error: return "codec_error";
    case error_code::erased: return "erased";
    case error_code::storage_error: return "storage_error";
    case error_code::outcome_unknown: return "outcome_unknown";
    case error_code::not_owner: return "not_owner";
    case error_code::history_changed: return "history_changed";
    case error_code::poison: return "poison";
    case error_code::undeliverable: return "undeliverable";
  }
  return {};
}

/// A text that is empty most of the time, and then takes no more memory than a pointer. Errors consist of such texts.
class sparse_text final {
 public:
  sparse_text() noexcept = default;
  /// Keeps a copy of the text.
  sparse_text(std::string text) : text_(text.empty() ? nullptr : new std::string(std::move(text))) {}
  /// Keeps a copy of the text.
  sparse_text(std::string_view text) : sparse_text(std::string(text)) {}
  /// Keeps a copy of the text.
  sparse_text(const char* text) : sparse_text(std::string(text)) {}
  /// Copies the text.
  sparse_text(const sparse_text& other) : sparse_text(other.str()) {}
  /// Takes the text of the other, and leaves it empty.
  sparse_text(sparse_text&& other) noexcept : text_(std::exchange(other.text_, nullptr)) {}

  /// Takes the text of the other.
  sparse_text& operator=(sparse_text other) noexcept {
    std::swap(text_, other.text_);
    return *this;
  }
  ~sparse_text() { delete text_; }

  [[nodiscard]] bool empty() const noexcept { return text_ == nullptr; }  ///< Whether the text is empty.

  /// The text. The reference is valid as long as this object is not changed.
  [[nodiscard]] const std::string& str() const noexcept { return text_ == nullptr ? nothing() : *text_; }
  operator const std::string&() const noexcept { return str(); }  ///< The text.
  friend bool operator==(const sparse_text& left, const sparse_text& right) { return left.str() == right.str(); }
  template <typename Text>
    requires std::is_convertible_v<const Text&, std::string_view>
  friend bool operator==(const sparse_text& left, const Text& right) {
    return left.str() == std::string_view(right);
  }
  friend std::string operator+(const sparse_text& left, std::string_view right) {
    return left.str() + std::string(right);
  }
  friend std::string operator+(std::string_view left, const sparse_text& right) {
    return std::string(left) + right.str();
  }
  /// Writes the text to a stream.
  template <typename Stream>
  friend auto operator<<(Stream& out, const sparse_text& text) -> decltype(out << std::declval<const std::string&>()) {
    return out << text.str();
  }

 private:
  static const std::string& nothing() noexcept {
    static const std::string none;
    return none;
  }
  std::string* text_ = nullptr;
};

/// The reason of a failure: a code, a sentence, and what else is known. Members that do not apply are empty.
struct error final {
  /// The kind of the failure.
  error_code code = error_code::invalid;
  /// A sentence for a person to read. Programs look at the other members.
  std::string message{};
  /// The name of the rule that refused the command, such as "be_valid". The text lives as long as the program.
  std::string_view rule{};
  /// The part of the input that is bad, such as "tag" or "time".
  sparse_text field{};
  /// The stream of the conflict, or of the event.
  sparse_text stream{};
  /// The version of `stream` that was expected. It is a position when `stream` is empty.
  std::optional<std::uint64_t> expected{};
  /// The version of `stream` that was found. It is a position when `stream` is empty.
  std::optional<std::uint64_t> actual{};
  /// The id of the event that the error is about.
  sparse_text event_id{};
  /// The type of the event or of the command that the error is about.
  sparse_text type{};
  /// The position of the event that the error is about.
  std::optional<must::position> position{};
  /// The operation that failed, such as "append", "read" or "get".
  sparse_text operation{};
  /// The code that the backend gives the failure, such as an SQLSTATE.
  sparse_text backend_code{};
  /// Whether the same operation may succeed when it is tried again, without a change to anything.
  bool retryable = false;

  friend bool operator==(const error&, const error&) = default;
};

/// The base of the exceptions that carry an error of `must`. A refusal has another base, as have the exceptions of the
/// standard library and of must::testing.
class exception : public std::exception {
 public:
  /// Carries an error.
  explicit exception(must::error why) noexcept : error_(std::move(why)) {}

  /// Returns the message of the error.
  [[nodiscard]] const char* what() const noexcept override { return error_.message.c_str(); }
  /// Returns the error.
  [[nodiscard]] const must::error& error() const noexcept { return error_; }

 private:
  must::error error_;
};

/// The exception of error_code::unauthorized, and of no other code. \see error_code
class unauthorized final : public exception {
  using exception::exception;
};
/// The exception of error_code::invalid, and of no other code. \see error_code
class invalid final : public exception {
  using exception::exception;
};
/// The exception of error_code::version_conflict, and of no other code. \see error_code
class version_conflict final : public exception {
  using exception::exception;
};
/// The exception of error_code::duplicate_id, and of no other code. \see error_code
class duplicate_id final : public exception {
  using exception::exception;
};
/// The exception of error_code::duplicate_command, and of no other code. \see error_code
class duplicate_command final : public exception {
  using exception::exception;
};
/// The exception of error_code::position_ahead, and of no other code. \see error_code
class position_ahead final : public exception {
  using exception::exception;
};
/// The exception of error_code::bad_input, and of no other code. \see error_code
class bad_input final : public exception {
  using exception::exception;
};
/// The exception of error_code::codec_error, and of no other code. \see error_code
class codec_error final : public exception {
  using exception::exception;
};
/// The exception of error_code::erased, and of no other code. \see error_code
class erased final : public exception {
  using exception::exception;
};
/// The exception of error_code::storage_error, and of no other code. \see error_code
class storage_error final : public exception {
  using exception::exception;
};
/// The exception of error_code::outcome_unknown, and of no other code. \see error_code
class outcome_unknown final : public exception {
  using exception::exception;
};
/// The exception of error_code::not_owner, and of no other code. \see error_code
class not_owner final : public exception {
  using exception::exception;
};
/// The exception of error_code::history_changed, and of no other code. \see error_code
class history_changed final : public exception {
  using exception::exception;
};
/// The exception of error_code::poison, and of no other code. \see error_code
class poison final : public exception {
  using exception::exception;
};
/// The exception of error_code::undeliverable, and of no other code. \see error_code
class undeliverable final : public exception {
  using exception::exception;
};

/// Throws the exception of the code of `why`, which carries `why`. A number that is no code makes a must::exception.
[[noreturn]] inline void raise(error why) {
  switch (why.code) {
    case error_code::unauthorized: throw unauthorized(std::move(why));
    case error_code::invalid: throw invalid(std::move(why));
    case error_code::version_conflict: throw version_conflict(std::move(why));
    case error_code::duplicate_id: throw duplicate_id(std::move(why));
    case error_code::duplicate_command: throw duplicate_command(std::move(why));
    case error_code::position_ahead: throw position_ahead(std::move(why));
    case error_code::bad_input: throw bad_input(std::move(why));
    case error_code::codec_error: throw codec_error(std::move(why));
    case error_code::erased: throw erased(std::move(why));
    case error_code::storage_error: throw storage_error(std::move(why));
    case error_code::outcome_unknown: throw outcome_unknown(std::move(why));
    case error_code::not_owner: throw not_owner(std::move(why));
    case error_code::history_changed: throw history_changed(std::move(why));
    case error_code::poison: throw poison(std::move(why));
    case error_code::undeliverable: throw undeliverable(std::move(why));
  }
  throw exception(std::move(why));
}

/// The "no" of a rule, with its reason. A rule throws it, as ensure does, or returns it.
///
/// A refusal that is default-constructed refuses nothing: a rule that returns it has said yes.
class refusal final : public std::exception {
 public:
  /// Makes a refusal of nothing.
  refusal() noexcept = default;
  /// Refuses, for a reason that may be empty.
  refusal(std::string reason) : refused_(true), reason_(std::move(reason)) {}
  /// Refuses, for a reason that may be empty.
  refusal(const char* reason) : refusal(std::string(reason)) {}

  /// Returns whether something was refused.
  [[nodiscard]] explicit operator bool() const noexcept { return refused_; }
  /// Returns the reason. It is empty when nothing was refused.
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
  /// Returns the reason.
  [[nodiscard]] const char* what() const noexcept override { return reason_.c_str(); }

 private:
  bool refused_ = false;
  std::string reason_;
};

/// Refuses the command unless `condition` holds. The rules of a command call it.
/// \throws refusal  with `reason` when `condition` is false. process_command turns it into unauthorized when it comes
///                  from be_authorized, and into invalid when it comes from another rule.
inline void ensure(bool condition, std::string_view reason) {
  if (!condition) throw refusal(std::string(reason));
}

}  // namespace must
