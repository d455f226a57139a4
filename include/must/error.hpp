// SPDX-License-Identifier: MIT
// What can go wrong: one value that says it, one family of exceptions that carries it.
#pragma once

#include "must/config.hpp"
#include "must/fwd.hpp"

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
  sparse_text(std::string text) : text_(text.empty() ? nullptr : new std::string(std::move(text))) {}
  sparse_text(std::string_view text) : sparse_text(std::string(text)) {}
  sparse_text(const char* text) : sparse_text(std::string(text)) {}
  sparse_text(const sparse_text& other) : sparse_text(other.str()) {}
  sparse_text(sparse_text&& other) noexcept : text_(std::exchange(other.text_, nullptr)) {}
  sparse_text& operator=(sparse_text other) noexcept {
    std::swap(text_, other.text_);
    return *this;
  }
  ~sparse_text() { delete text_; }

  [[nodiscard]] bool empty() const noexcept { return text_ == nullptr; }
  [[nodiscard]] const std::string& str() const noexcept { return text_ == nullptr ? nothing() : *text_; }
  operator const std::string&() const noexcept { return str(); }
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

 private:
  static const std::string& nothing() noexcept {
    static const std::string none;
    return none;
  }
  std::string* text_ = nullptr;
};

template <typename Stream>
auto operator<<(Stream& out, const sparse_text& text) -> decltype(out << text.str()) {
  return out << text.str();
}

/// Why something failed: always a code and a sentence, and what else is known.
///
/// Fields that do not apply stay empty. `rule` is the rule that refused ("be_valid"), `field` the part of the
/// input that is bad ("tag", "time"); `expected` and `actual` are versions for a conflict over `stream`, else
/// positions.
struct error final {
  error_code code = error_code::invalid;
  std::string message{};
  std::string_view rule{};  ///< a name of must's own: it lives as long as the program
  sparse_text field{};
  sparse_text stream{};
  std::optional<std::uint64_t> expected{};
  std::optional<std::uint64_t> actual{};
  sparse_text event_id{};
  sparse_text type{};
  std::optional<must::position> position{};
  sparse_text operation{};
  sparse_text backend_code{};
  bool retryable = false;

  friend bool operator==(const error&, const error&) = default;
};

/// The base of everything that must throws, except refusal. Carries the error.
class exception : public std::exception {
 public:
  explicit exception(must::error why) noexcept : error_(std::move(why)) {}
  [[nodiscard]] const char* what() const noexcept override { return error_.message.c_str(); }
  [[nodiscard]] const must::error& error() const noexcept { return error_; }

 private:
  must::error error_;
};

/// \see error_code: each of these is thrown for the code of its name, and for no other.
class unauthorized final : public exception {
  using exception::exception;
};
class invalid final : public exception {
  using exception::exception;
};
class version_conflict final : public exception {
  using exception::exception;
};
class duplicate_id final : public exception {
  using exception::exception;
};
class duplicate_command final : public exception {
  using exception::exception;
};
class position_ahead final : public exception {
  using exception::exception;
};
class bad_input final : public exception {
  using exception::exception;
};
class codec_error final : public exception {
  using exception::exception;
};
class erased_error final : public exception {
  using exception::exception;
};
class storage_error final : public exception {
  using exception::exception;
};
class outcome_unknown final : public exception {
  using exception::exception;
};
class not_owner final : public exception {
  using exception::exception;
};
class history_changed final : public exception {
  using exception::exception;
};
class poison_error final : public exception {
  using exception::exception;
};
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
  refusal(std::string reason) : refused_(true), reason_(std::move(reason)) {}
  refusal(const char* reason) : refusal(std::string(reason)) {}

  /// Whether something was refused.
  [[nodiscard]] explicit operator bool() const noexcept { return refused_; }
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
  [[nodiscard]] const char* what() const noexcept override { return reason_.c_str(); }

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
