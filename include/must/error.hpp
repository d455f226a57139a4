// SPDX-License-Identifier: MIT
// What can go wrong: one value that says it, one family of exceptions that carries it.
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

/// Every kind of failure that must reports.
enum class error_code {
  unauthorized,       ///< be_authorized refused the command
  invalid,            ///< be_valid or be_translated_to_events refused the command, or parse refused its document
  version_conflict,   ///< the append condition did not hold, past every attempt; nothing was stored
  duplicate_id,       ///< an event id is stored already with other content, or stands twice in one append
  duplicate_command,  ///< a command id was used before by a command with other content
  position_ahead,     ///< an append condition names a position beyond the head of the store
  bad_input,          ///< a name, tag, id, limit or size is outside its range; `field` says which
  codec_error,        ///< a stored or given payload cannot be read as the type that was asked for
  erased,             ///< the payload of an event was erased, and a fold needs it
  storage_error,      ///< the store's backend failed; `operation`, `backend_code` and `retryable` say how
  outcome_unknown,    ///< the deadline passed before the store could say whether the append is stored
  not_owner,          ///< another follows under the name of this subscription; the message says who
  history_changed,    ///< the store of a checkpoint was restored or replaced: its events are not those that were seen
  poison,             ///< an event can never be handled: a receiver refused it, or each of many attempts was a crash
  undeliverable       ///< a delivery can deliver nothing until somebody has seen to it
};

/// A text that is empty most of the time, and then costs a pointer: what an error may know beside its message.
class sparse_text final {
 public:
  sparse_text() noexcept = default;
  /// Keeps a copy; of an empty text, nothing.
  sparse_text(std::string text) : text_(text.empty() ? nullptr : new std::string(std::move(text))) {}
  sparse_text(std::string_view text) : sparse_text(std::string(text)) {}  ///< The same.
  sparse_text(const char* text) : sparse_text(std::string(text)) {}       ///< The same.
  sparse_text(const sparse_text& other) : sparse_text(other.str()) {}     ///< a copy
  sparse_text(sparse_text&& other) noexcept
      : text_(std::exchange(other.text_, nullptr)) {}  ///< Leaves the other empty.

  /// Takes what the other has.
  sparse_text& operator=(sparse_text other) noexcept {
    std::swap(text_, other.text_);
    return *this;
  }
  ~sparse_text() { delete text_; }

  [[nodiscard]] bool empty() const noexcept { return text_ == nullptr; }  ///< whether there is no text

  /// The text, which lives as long as this does, or is empty for ever.
  [[nodiscard]] const std::string& str() const noexcept { return text_ == nullptr ? nothing() : *text_; }
  operator const std::string&() const noexcept { return str(); }  ///< the same as str()
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

/// Why something failed: always a code and a sentence, and what else is known.
///
/// Fields that do not apply stay empty. `rule` is the rule that refused ("be_valid"), `field` the part of the
/// input that is bad ("tag", "time"); `expected` and `actual` are versions for a conflict over `stream`, else
/// positions.
struct error final {
  error_code code = error_code::invalid;     ///< what kind of failure it is
  std::string message{};                     ///< a sentence for a person; never for a program to read
  std::string_view rule{};                   ///< a name of must's own: it lives as long as the program
  sparse_text field{};                       ///< the part of the input that is bad
  sparse_text stream{};                      ///< of the conflict, or of the event
  std::optional<std::uint64_t> expected{};   ///< the version or position that an append was to find
  std::optional<std::uint64_t> actual{};     ///< the one that it found
  sparse_text event_id{};                    ///< of the event that it is about
  sparse_text type{};                        ///< of that event, or of the command
  std::optional<must::position> position{};  ///< of that event
  sparse_text operation{};                   ///< that failed: "append", "read", "get" ...
  sparse_text backend_code{};                ///< what the backend calls the failure: a SQLSTATE, a code of SQLite
  bool retryable = false;                    ///< whether the same again may succeed, with nobody mending anything

  friend bool operator==(const error&, const error&) = default;
};

/// The base of everything that must throws, except refusal. Carries the error.
class exception : public std::exception {
 public:
  explicit exception(must::error why) noexcept : error_(std::move(why)) {}  ///< Carries an error.

  /// the message of the error
  [[nodiscard]] const char* what() const noexcept override { return error_.message.c_str(); }
  [[nodiscard]] const must::error& error() const noexcept { return error_; }  ///< the whole error

 private:
  must::error error_;
};

/// Thrown for error_code::unauthorized, and for no other. \see error_code
class unauthorized final : public exception {
  using exception::exception;
};
/// Thrown for error_code::invalid, and for no other. \see error_code
class invalid final : public exception {
  using exception::exception;
};
/// Thrown for error_code::version_conflict, and for no other. \see error_code
class version_conflict final : public exception {
  using exception::exception;
};
/// Thrown for error_code::duplicate_id, and for no other. \see error_code
class duplicate_id final : public exception {
  using exception::exception;
};
/// Thrown for error_code::duplicate_command, and for no other. \see error_code
class duplicate_command final : public exception {
  using exception::exception;
};
/// Thrown for error_code::position_ahead, and for no other. \see error_code
class position_ahead final : public exception {
  using exception::exception;
};
/// Thrown for error_code::bad_input, and for no other. \see error_code
class bad_input final : public exception {
  using exception::exception;
};
/// Thrown for error_code::codec_error, and for no other. \see error_code
class codec_error final : public exception {
  using exception::exception;
};
/// Thrown for error_code::erased, and for no other. \see error_code
class erased_error final : public exception {
  using exception::exception;
};
/// Thrown for error_code::storage_error, and for no other. \see error_code
class storage_error final : public exception {
  using exception::exception;
};
/// Thrown for error_code::outcome_unknown, and for no other. \see error_code
class outcome_unknown final : public exception {
  using exception::exception;
};
/// Thrown for error_code::not_owner, and for no other. \see error_code
class not_owner final : public exception {
  using exception::exception;
};
/// Thrown for error_code::history_changed, and for no other. \see error_code
class history_changed final : public exception {
  using exception::exception;
};
/// Thrown for error_code::poison, and for no other. \see error_code
class poison_error final : public exception {
  using exception::exception;
};
/// Thrown for error_code::undeliverable, and for no other. \see error_code
class undeliverable final : public exception {
  using exception::exception;
};

/// Throws the exception that belongs to the code of `why`.
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
    case error_code::erased: throw erased_error(std::move(why));
    case error_code::storage_error: throw storage_error(std::move(why));
    case error_code::outcome_unknown: throw outcome_unknown(std::move(why));
    case error_code::not_owner: throw not_owner(std::move(why));
    case error_code::history_changed: throw history_changed(std::move(why));
    case error_code::poison: throw poison_error(std::move(why));
    case error_code::undeliverable: throw undeliverable(std::move(why));
  }
  throw exception(std::move(why));
}

/// A rule's "no", with its reason. A rule throws it (by ensure) or returns it; a default one is no refusal.
class refusal final : public std::exception {
 public:
  refusal() noexcept = default;
  /// A "no"; an empty reason makes it no less of one.
  refusal(std::string reason) : refused_(true), reason_(std::move(reason)) {}
  refusal(const char* reason) : refusal(std::string(reason)) {}  ///< The same.

  /// Whether something was refused.
  [[nodiscard]] explicit operator bool() const noexcept { return refused_; }
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }  ///< why; empty when nothing was refused
  [[nodiscard]] const char* what() const noexcept override { return reason_.c_str(); }  ///< the same as reason()

 private:
  bool refused_ = false;
  std::string reason_;
};

/// Refuses the command unless `condition` holds. For use in the rules of a command.
/// \throws refusal  with `reason`; process_command makes it unauthorized or invalid by the rule it rose in
inline void ensure(bool condition, std::string_view reason) {
  if (!condition) throw refusal(std::string(reason));
}

}  // namespace must
