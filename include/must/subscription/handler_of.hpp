// SPDX-License-Identifier: MIT
// handler_of, public: a handler that gets the events themselves, decoded, of the types that it names.
#pragma once

#include "must/codec/versions.hpp"
#include "must/error.hpp"
#include "must/event.hpp"
#include "must/record.hpp"

#include <concepts>
#include <utility>

namespace must {

namespace detail::following {

template <typename F, typename Data, typename E, typename... Transaction>
concept takes_event = std::invocable<F&, Transaction&..., const E&> ||
                      std::invocable<F&, Transaction&..., const E&, const recorded<Data>&>;

}  // namespace detail::following

/// A handler of typed events. must::handler_of makes it. \see must::handler_of
template <typename F, Event... E>
class typed_handler {
 public:
  using handled_events = must::events<E...>;  ///< The events that the handler takes.

  /// Keeps the function. must::handler_of calls it.
  explicit typed_handler(F handle) : handle_(std::move(handle)) {}

  /// Decodes an event and calls the function with it.
  /// \throws codec_error  when the event cannot be read
  /// \throws erased       when the data of the event was erased
  /// \throws ...          what the function throws
  template <typename Data>
    requires(detail::following::takes_event<F, Data, E> && ...)
  void operator()(const recorded<Data>& record) {
    pass_on(record);
  }
  /// Decodes an event and calls the function with it in a transaction.
  /// \throws codec_error  when the event cannot be read
  /// \throws erased       when the data of the event was erased
  /// \throws ...          what the function throws
  template <typename Transaction, typename Data>
    requires(detail::following::takes_event<F, Data, E, Transaction> && ...)
  void operator()(Transaction& in, const recorded<Data>& record) {
    pass_on(record, in);
  }

 private:
  template <typename Data, typename... Transaction>
  void pass_on(const recorded<Data>& record, Transaction&... in) {
    const auto use = [&](const auto& event) {
      if constexpr (std::invocable<F&, Transaction&..., decltype(event), const recorded<Data>&>)
        handle_(in..., event, record);
      else
        handle_(in..., event);
    };
    if (!(detail::coding::with_event<E>(record, use) || ...))
      detail::coding::raise_undecodable(record.id, record.type, record.position, error_code::codec_error,
                                        "the handler takes no such event");
  }
  F handle_;
};

/// Makes a handler of events of the types E: `must::handler_of<Invited, Accepted>([](const auto& event) { ... })`.
///
/// An older version of an E, or one that is stored under a former name, arrives as an E. An event that is none of the
/// E, or cannot be read, is a failure like an exception of the function: the failure policy decides.
/// \param handle  a function of (event), of (event, record), or in a transaction of (transaction, event) or
///                (transaction, event, record). Its parameter names the type of the transaction. \see EventHandler
template <Event... E, typename F>
[[nodiscard]] typed_handler<F, E...> handler_of(F handle) {
  static_assert(sizeof...(E) > 0, "must: name the events that the handler takes: handler_of<A, B>(function)");
  return typed_handler<F, E...>(std::move(handle));
}

}  // namespace must
