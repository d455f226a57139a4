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
  explicit unexpected(Error&& why) : error_(std::move(why)) {}             ///< Marks an error.
  explicit unexpected(const Error& why) : error_(why) {}                   ///< The same.
  [[nodiscard]] const Error& error() const& noexcept { return error_; }    ///< the error
  [[nodiscard]] Error&& error() && noexcept { return std::move(error_); }  ///< the error, to be moved
  friend bool operator==(const unexpected&, const unexpected&) = default;

 private:
  Error error_;
};

/// The refusal of a rule that returns a result: `return must::refuse("n must be positive");`
[[nodiscard]] inline unexpected<error> refuse(std::string reason) {
  return unexpected<error>(error{.code = error_code::invalid, .message = std::move(reason)});
}

/// A value or an error: a strict subset of std::expected, the same in C++20 and C++23.
///
/// `*` and `->` need has_value(), `error()` needs its opposite; neither is checked.
template <typename Value, typename Error>
class [[nodiscard]] result {
 public:
  using value_type = Value;  ///< what it holds
  using error_type = Error;  ///< or else this

  result()
    requires std::is_default_constructible_v<Value>
  = default;
  template <typename Other = Value>
    requires(!std::is_same_v<std::remove_cvref_t<Other>, result> && std::is_convertible_v<Other, Value>)
  result(Other&& value) : state_(std::in_place_index<0>, std::forward<Other>(value)) {}  ///< Holds a value.
  result(unexpected<Error>&& why) : state_(std::in_place_index<1>, std::move(why)) {}    ///< Holds an error.
  result(const unexpected<Error>& why) : state_(std::in_place_index<1>, why) {}          ///< The same.

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }  ///< whether there is a value
  [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }  ///< the same

  /// the value; needs has_value()
  [[nodiscard]] const Value& operator*() const& noexcept { return *std::get_if<0>(&state_); }
  [[nodiscard]] Value& operator*() & noexcept { return *std::get_if<0>(&state_); }  ///< the same

  /// the same, to be moved
  [[nodiscard]] Value&& operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
  /// of the value; needs has_value()
  [[nodiscard]] const Value* operator->() const noexcept { return std::get_if<0>(&state_); }
  [[nodiscard]] Value* operator->() noexcept { return std::get_if<0>(&state_); }  ///< the same

  /// \throws the exception of the error's code, where there is no value and Error is must::error
  [[nodiscard]] const Value& value() const& { return require(), **this; }
  [[nodiscard]] Value&& value() && { return require(), *std::move(*this); }  ///< the same, to be moved

  /// the error; needs !has_value()
  [[nodiscard]] const Error& error() const& noexcept { return std::get_if<1>(&state_)->error(); }
  /// the same, to be moved
  [[nodiscard]] Error&& error() && noexcept { return std::move(*std::get_if<1>(&state_)).error(); }

  /// The value, or `other` where there is none.
  template <typename Other>
  [[nodiscard]] Value value_or(Other&& other) const& {
    return has_value() ? **this : static_cast<Value>(std::forward<Other>(other));
  }

  /// `next(value)`, which returns a result with the same Error; or this error. The value is moved from an rvalue.
  template <typename Next>
  [[nodiscard]] auto and_then(Next&& next) && -> std::remove_cvref_t<decltype(next(std::declval<Value&&>()))> {
    if (has_value()) return std::forward<Next>(next)(std::move(**this));
    return unexpected<Error>(std::move(*this).error());
  }
  /// The same of an lvalue; the value stays.
  template <typename Next>
  [[nodiscard]] auto and_then(Next&& next) const& -> std::remove_cvref_t<decltype(next(std::declval<const Value&>()))> {
    if (has_value()) return std::forward<Next>(next)(**this);
    return unexpected<Error>(error());
  }

  /// A result of `change(value)`; or this error.
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

/// Nothing or an error.
template <typename Error>
class [[nodiscard]] result<void, Error> {
 public:
  using value_type = void;   ///< it holds none
  using error_type = Error;  ///< or else this

  result() noexcept = default;
  result(unexpected<Error>&& why) : error_(std::move(why).error()) {}  ///< Holds an error.
  result(const unexpected<Error>& why) : error_(why.error()) {}        ///< The same.

  [[nodiscard]] bool has_value() const noexcept { return !error_; }              ///< whether there is no error
  [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }  ///< the same
  void operator*() const noexcept {}                                             ///< nothing; needs has_value()

  /// \throws the exception of the error's code, where there is one and Error is must::error
  void value() const {
    if (error_) raise(*error_);
  }
  [[nodiscard]] const Error& error() const& noexcept { return *error_; }    ///< the error; needs !has_value()
  [[nodiscard]] Error&& error() && noexcept { return std::move(*error_); }  ///< the same, to be moved

  /// `next()`, which returns a result with the same Error; or this error.
  template <typename Next>
  [[nodiscard]] auto and_then(Next&& next) const -> std::remove_cvref_t<decltype(next())> {
    if (has_value()) return std::forward<Next>(next)();
    return unexpected<Error>(*error_);
  }
  /// A result of `change()`; or this error.
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
