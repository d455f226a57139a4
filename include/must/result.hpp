// SPDX-License-Identifier: MIT
// result<T>: a value, or the error that stands in its place.
#pragma once

#include "must/error.hpp"

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace must {

/// Marks a value as an error on its way into a result.
template <typename Error>
class unexpected {
 public:
  /// Marks an error.
  explicit unexpected(Error&& why) : error_(std::move(why)) {}
  /// Marks an error.
  explicit unexpected(const Error& why) : error_(why) {}
  /// Returns the error.
  [[nodiscard]] const Error& error() const& noexcept { return error_; }
  /// Returns the error, to be moved.
  [[nodiscard]] Error&& error() && noexcept { return std::move(error_); }
  friend bool operator==(const unexpected&, const unexpected&) = default;

 private:
  Error error_;
};

/// Makes the refusal that a rule returns in a result: `return must::refuse("n must be positive");`
[[nodiscard]] inline unexpected<error> refuse(std::string reason) {
  return unexpected<error>(error{.code = error_code::invalid, .message = std::move(reason)});
}

/// A value or an error: a strict subset of std::expected, the same in C++20 and C++23.
///
/// `*` and `->` are undefined unless has_value(), and `error()` is undefined when has_value(): neither is checked.
template <typename Value, typename Error>
class [[nodiscard]] result {
 public:
  using value_type = Value;  ///< The type of the value.
  using error_type = Error;  ///< The type of the error.

  result()
    requires std::is_default_constructible_v<Value>
  = default;
  template <typename Other = Value>
    requires(!std::is_same_v<std::remove_cvref_t<Other>, result> && std::is_convertible_v<Other, Value>)
  result(Other&& value)
      : state_(std::in_place_index<0>, std::forward<Other>(value)) {}  ///< Makes a result with a value.
  result(unexpected<Error>&& why)
      : state_(std::in_place_index<1>, std::move(why)) {}                        ///< Makes a result with an error.
  result(const unexpected<Error>& why) : state_(std::in_place_index<1>, why) {}  ///< Makes a result with an error.

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }  ///< Whether there is a value.
  [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }  ///< Whether there is no error.

  /// Returns the value. The behaviour is undefined unless has_value().
  [[nodiscard]] const Value& operator*() const& noexcept { return *std::get_if<0>(&state_); }
  /// Returns the value. The behaviour is undefined unless has_value().
  [[nodiscard]] Value& operator*() & noexcept { return *std::get_if<0>(&state_); }
  /// Returns the value, to be moved. The behaviour is undefined unless has_value().
  [[nodiscard]] Value&& operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
  /// Gives access to a member of the value. The behaviour is undefined unless has_value().
  [[nodiscard]] const Value* operator->() const noexcept { return std::get_if<0>(&state_); }
  /// Gives access to a member of the value. The behaviour is undefined unless has_value().
  [[nodiscard]] Value* operator->() noexcept { return std::get_if<0>(&state_); }

  /// Returns the value. Needs an Error that is must::error.
  /// \throws must::exception  when there is no value: the exception of the code of the error
  [[nodiscard]] const Value& value() const& { return require(), **this; }
  /// Returns the value, to be moved. Needs an Error that is must::error.
  /// \throws must::exception  when there is no value: the exception of the code of the error
  [[nodiscard]] Value&& value() && { return require(), *std::move(*this); }

  /// Returns the error. The behaviour is undefined when has_value().
  [[nodiscard]] const Error& error() const& noexcept { return std::get_if<1>(&state_)->error(); }
  /// Returns the error, to be moved. The behaviour is undefined when has_value().
  [[nodiscard]] Error&& error() && noexcept { return std::move(*std::get_if<1>(&state_)).error(); }

  /// Returns the value, or `other` when there is none.
  template <typename Other>
  [[nodiscard]] Value value_or(Other&& other) const& {
    return has_value() ? **this : static_cast<Value>(std::forward<Other>(other));
  }

  /// Returns `next(value)`, which is a result with the same Error, or this error. The value is moved.
  template <typename Next>
  [[nodiscard]] auto and_then(Next&& next) && -> std::remove_cvref_t<decltype(next(std::declval<Value&&>()))> {
    if (has_value()) return std::forward<Next>(next)(std::move(**this));
    return unexpected<Error>(std::move(*this).error());
  }
  /// Returns `next(value)`, which is a result with the same Error, or this error. The value stays.
  template <typename Next>
  [[nodiscard]] auto and_then(Next&& next) const& -> std::remove_cvref_t<decltype(next(std::declval<const Value&>()))> {
    if (has_value()) return std::forward<Next>(next)(**this);
    return unexpected<Error>(error());
  }

  /// Returns a result that holds `change(value)`, or this error.
  template <typename Change>
  [[nodiscard]] auto transform(Change&& change) const
      -> result<std::remove_cvref_t<decltype(change(std::declval<const Value&>()))>, Error> {
    if (!has_value()) return unexpected<Error>(error());
    if constexpr (std::is_void_v<decltype(change(std::declval<const Value&>()))>) {
      std::forward<Change>(change)(**this);
      return {};
    } else {
      return std::forward<Change>(change)(**this);
    }
  }

  friend bool operator==(const result&, const result&) = default;

 private:
  void require() const {
    if (!has_value()) raise(error());
  }
  std::variant<Value, unexpected<Error>> state_;
};

/// A result without a value: success, or an error.
template <typename Error>
class [[nodiscard]] result<void, Error> {
 public:
  using value_type = void;   ///< There is no value.
  using error_type = Error;  ///< The type of the error.

  result() noexcept = default;
  result(unexpected<Error>&& why) : error_(std::move(why).error()) {}  ///< Makes a result with an error.
  result(const unexpected<Error>& why) : error_(why.error()) {}        ///< Makes a result with an error.

  [[nodiscard]] bool has_value() const noexcept { return !error_; }              ///< Whether there is no error.
  [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }  ///< Whether there is no error.
  void operator*() const noexcept {}                                             ///< Does nothing.

  /// Does nothing, or throws the error. Needs an Error that is must::error.
  /// \throws must::exception  when there is an error: the exception of its code
  void value() const {
    if (error_) raise(*error_);
  }
  /// Returns the error. The behaviour is undefined when has_value().
  [[nodiscard]] const Error& error() const& noexcept { return *error_; }
  /// Returns the error, to be moved. The behaviour is undefined when has_value().
  [[nodiscard]] Error&& error() && noexcept { return std::move(*error_); }

  /// Returns `next()`, which is a result with the same Error, or this error.
  template <typename Next>
  [[nodiscard]] auto and_then(Next&& next) const -> std::remove_cvref_t<decltype(next())> {
    if (has_value()) return std::forward<Next>(next)();
    return unexpected<Error>(*error_);
  }
  /// Returns a result that holds `change()`, or this error.
  template <typename Change>
  [[nodiscard]] auto transform(Change&& change) const -> result<std::remove_cvref_t<decltype(change())>, Error> {
    if (!has_value()) return unexpected<Error>(*error_);
    if constexpr (std::is_void_v<decltype(change())>) {
      std::forward<Change>(change)();
      return {};
    } else {
      return std::forward<Change>(change)();
    }
  }

  friend bool operator==(const result&, const result&) = default;

 private:
  std::optional<Error> error_;
};

}  // namespace must
