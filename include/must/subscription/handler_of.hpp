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

/// A handler, as must::handler_of makes it. \see must::handler_of
template <typename F, Event... E>
class typed_handler {
 public:
  using handled_events = must::events<E...>;  ///< The events that it takes.

  /// Keeps the function. \see must::handler_of, which is what users call
  explicit typed_handler(F handle) : handle_(std::move(handle)) {}

  /// Decodes an event and calls the function with it. \throws codec_error, erased_error, what the function throws
  template <typename Data>
    requires(detail::following::takes_event<F, Data, E> && ...)
  void operator()(const recorded<Data>& record) {
    pass_on(record);
  }
  /// Decodes an event and calls the function with it, in a transaction. \throws the same
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

/// A handler of events instead of records: `must::handler_of<Invited, Accepted>([](const auto& event) { ... })`.
///
/// What is stored as an older version of E, or under a former name, arrives as an E. An event that is none of E, or
/// that cannot be read, is a failure like one of the function's own: the failure policy decides.
/// \param handle  called as (event) or (event, record); in a transaction as (transaction, event) or (transaction,
///   event, record), where the type of the transaction is named. \see EventHandler
template <Event... E, typename F>
[[nodiscard]] typed_handler<F, E...> handler_of(F handle) {
  static_assert(sizeof...(E) > 0, "must: name the events that the handler takes: handler_of<A, B>(function)");
  return typed_handler<F, E...>(std::move(handle));
}

}  // namespace must
