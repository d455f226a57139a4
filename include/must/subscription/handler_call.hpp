// SPDX-License-Identifier: MIT
// Calls the handler of a subscription: with one event, within a transaction, or with many events at once.
#pragma once

#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/observe.hpp"
#include "must/storage/transactional.hpp"
#include "must/subscription/hooks.hpp"

#include <concepts>
#include <cstddef>
#include <exception>
#include <span>

namespace must::detail::following {

template <typename S, typename Handler>
inline constexpr bool takes_transaction = false;
template <TransactionalStorage S, typename Handler>
inline constexpr bool takes_transaction<S, Handler> =
    std::invocable<Handler&, typename S::transaction&, const recorded<typename S::data_type>&>;

template <typename S, typename Handler>
inline constexpr bool is_handler =
    std::invocable<Handler&, const recorded<typename S::data_type>&> || takes_transaction<S, Handler>;

// What a handler threw inside a transaction, which is not a failure of the store.
struct thrown_by_handler {
  std::exception_ptr what;
};
// What the store threw as it saved what a handler had done, which is not a failure of the handler.
struct thrown_by_store {
  std::exception_ptr what;
  bool waits = false;  // Whether the handler is to be called again, if the failure may pass.
};

template <CellStorage S, typename Handler>
class handler_call {
 public:
  using event_type = recorded<typename S::data_type>;
  static constexpr bool is_transactional = takes_transaction<S, Handler>;
  static constexpr bool is_batched = has_hooks<Handler> && requires(const Handler& handler) { handler.batch(); };

  handler_call(S& storage, Handler& handler) : storage_(storage), handler_(handler) {}

  // Calls the handler. Throws what the handler throws.
  void operator()(const event_type& event) const {
    kit::observe_handler(storage_, event, 1, [&] { handler_(event); });
  }
  // Calls the handler in a transaction. Throws thrown_by_handler.
  template <typename Transaction>
  void operator()(Transaction& in, const event_type& event) const {
    try {
      kit::observe_handler(storage_, event, 1, [&] { handler_(in, event); });
    } catch (...) {
      throw thrown_by_handler{std::current_exception()};
    }
  }
  // Does a piece of timed work that was parked.
  void handle(const timed_work& what) const {
    if constexpr (has_hooks<Handler> && requires { handler_.handle(what); }) handler_.handle(what);
  }
  // Notes that a piece of timed work is passed over for good.
  void give_up(const timed_work& what) const {
    if constexpr (has_hooks<Handler> && requires { handler_.give_up(what); }) handler_.give_up(what);
  }
  // Returns how many events the handler takes at once.
  [[nodiscard]] std::size_t batch() const {
    if constexpr (is_batched)
      return handler_.batch();
    else
      return 1;
  }
  // Hands over as many events as can be, and returns how many. `failed` is what the next one threw, if it threw.
  std::size_t try_all(std::span<const event_type* const> events, std::exception_ptr& failed) const {
    return kit::observe_handler(storage_, *events.front(), events.size(),
                                [&] { return handler_.try_all(events, failed); });
  }

 private:
  S& storage_;
  Handler& handler_;
};

}  // namespace must::detail::following
