// SPDX-License-Identifier: MIT
// subscription: follows a store from a checkpoint, first through what is there, and then live.
#pragma once

#include "must/detail/at_exit.hpp"
#include "must/detail/rest.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/subscription/claim.hpp"
#include "must/subscription/follower.hpp"  // IWYU pragma: export
#include "must/subscription/following.hpp"
#include "must/subscription/handled_events.hpp"
#include "must/subscription/handler_call.hpp"
#include "must/subscription/handler_of.hpp"  // IWYU pragma: export
#include "must/subscription/health.hpp"
#include "must/subscription/options.hpp"       // IWYU pragma: export
#include "must/subscription/parked_event.hpp"  // IWYU pragma: export
#include "must/subscription/parked_requests.hpp"
#include "must/subscription/wait_outcome.hpp"  // IWYU pragma: export
#include "must/timestamp.hpp"

#include <atomic>
#include <limits>
#include <stop_token>
#include <utility>
#include <vector>

namespace must {

/// A callable that handles one event of a store S. It has one of two forms.
///
/// - `handler(const recorded<data_type>&)` is called at least once for each event.
/// - `handler(S::transaction&, const recorded<data_type>&)` needs a TransactionalStorage. What it writes in the
///   transaction is stored together with the checkpoint, so that each event counts exactly once.
///
/// With one lane it is called in the thread that is in run(). It may use the store, but in a transaction it appends and
/// puts nothing by the members of the store. An exception leaves the event to the failure policy.
/// \see handler_of, which makes a handler of typed events
template <typename H, typename S>
concept EventHandler = CellStorage<S> && detail::following::is_handler<S, H>;

/// Follows the events of a store that match a query: those that are stored, and then those that come.
///
/// The handler gets each event at least once, in the order of positions. With several lanes, which are threads, only
/// the events of one key are in order. The checkpoint says how far the subscription has come. Checkpoint, lease,
/// attempts and parked events are cells of the store, under the name of the subscription. One process follows at a
/// time, and another takes over when that one ends or loses its lease.
/// \see must::subscriptions, which lists and resets what is stored
template <CellStorage S, typename Handler>
class subscription {
  static_assert(detail::following::is_handler<S, Handler>,
                "must: the handler takes neither (const recorded<data_type>&) nor (transaction&, const "
                "recorded<data_type>&): make its parameters fit, or let must::handler_of<A, B>(function) decode the "
                "events");

 public:
  using data_type = typename S::data_type;  ///< The type of the data of an event.

  /// Makes a subscription that follows nothing until it is run.
  /// \param storage  the store, which outlives the subscription
  /// \param name     the name, 1 to 400 bytes, or fewer when many are "/", "@" or "%". Of two subscriptions with one
  ///                 name, only one follows at a time.
  /// \param which    the events that are handled
  /// \param handler  an EventHandler. With several lanes, as many threads call it at once.
  /// \param options  how the subscription follows
  /// \throws bad_input  when the name or an option is out of range
  /// \throws bad_input  when the query leaves out a type that a typed handler handles
  /// \throws bad_input  when a handler in transactions has as many lanes as the store has connections
  subscription(S& storage, follower name, query which, Handler handler, subscription_options options = {})
      : storage_(storage),
        name_(std::move(name)),
        which_(std::move(which)),
        handler_(std::move(handler)),
        options_(std::move(options)) {
    detail::following::check_subscription(name_, options_);
    if constexpr (detail::following::takes_transaction<S, Handler>)
      detail::following::check_connections(storage, options_);
    kit::check_read(which_, {});
    detail::following::check_covers<Handler>(which_);
  }
  /// Makes a subscription to the events that a typed handler handles, by every name under which they may be stored.
  /// \throws bad_input  when the name or an option is out of range
  subscription(S& storage, follower name, Handler handler, subscription_options options = {})
      : subscription(storage, std::move(name), detail::following::handled_query<Handler>(), std::move(handler),
                     std::move(options)) {}
  subscription(const subscription&) = delete;
  subscription& operator=(const subscription&) = delete;

  /// Follows until a stop is requested. Then it saves the checkpoint and lets another follow. A failure of the store
  /// that may pass is waited for.
  /// \throws not_owner        when another process follows under this name
  /// \throws history_changed  when the store has lost events that were handled: it was restored or replaced
  /// \throws bad_input        when this object runs already, or `start` is beyond the head of the store
  /// \throws bad_input        when an event without a key is to be parked
  /// \throws storage_error    when the store fails in a way that does not pass
  /// \throws poison           when an event has ended the process too often, and the failure policy says stop
  /// \throws ...              what the handler threw, when the failure policy says stop
  void run(const std::stop_token& stop) { follow(stop, true, std::numeric_limits<position>::max()); }

  /// Handles the events that the store has now, up to a position, and saves the checkpoint.
  /// \returns the position up to which every event is handled or parked
  /// \throws ...  what run throws, and every storage_error
  position run_once(const std::stop_token& stop = {}, position until = std::numeric_limits<position>::max()) {
    follow(stop, false, until);
    return progress_.scanned();
  }

  /// Waits until every event at or below a position is handled. With processed_command::last as the position, a program
  /// then reads its own writes. It needs another thread that is in run() of this object.
  ///
  /// It returns at once when an event at or below the position is parked, or waits behind one that is.
  /// \returns the outcome, which converts to bool: whether every event is handled
  wait_outcome wait_until(position at, duration timeout) { return progress_.wait_until(at, timeout); }

  /// Returns how far the subscription is, and what holds it up. Any thread may call it. It reads one event of the
  /// store.
  /// \throws storage_error  when the store fails
  [[nodiscard]] subscription_health health() const {
    return detail::following::health_of(storage_, which_, options_, progress_);
  }
  /// Returns the parked events, whichever process follows. It reads each of them.
  /// \throws storage_error  when the store fails
  [[nodiscard]] std::vector<parked_event> parked() const { return detail::following::list_parked(storage_, name_); }
  /// Asks the process that follows to handle the parked events again, soon. Those that fail stay parked.
  /// \throws storage_error  when the store fails
  void replay_parked() { ask(request::replay_all, 0); }
  /// Asks the process that follows to handle one parked event again, soon, and then those that wait behind it.
  /// \throws bad_input        when it is not parked
  /// \throws history_changed  when another event stands at its position now
  void replay(const parked_choice& which) { ask(request::replay, which); }
  /// Asks the process that follows to skip a parked event, and to handle those that wait behind it.
  /// \throws bad_input        when it is not parked
  /// \throws history_changed  when another event stands at its position now
  void skip(const parked_choice& which) { ask(request::skip, which); }
  /// Asks the process that follows to skip a parked event and all that wait behind it.
  /// \throws bad_input        when it is not parked
  /// \throws history_changed  when another event stands at its position now
  void drop(const parked_choice& which) { ask(request::drop, which); }

 private:
  using request = detail::following::parked_request::action;

  void ask(request what, const parked_choice& which) { detail::following::ask(storage_, name_, what, which); }
  void follow(const std::stop_token& stop, bool live, position until) {
    if (progress_.running.exchange(true)) kit::refuse_input("run", "was called while it runs");
    const detail::at_exit ends([&] { progress_.running = false; });
    std::stop_source ended;
    const std::stop_callback forward(stop, [&] { ended.request_stop(); });
    while (!try_to_follow(ended, live, until)) detail::rest(duration{100'000}, stop);
  }
  // Returns false when the store failed before the first event, in a way that may pass. A live run then begins again.
  bool try_to_follow(std::stop_source& ended, bool live, position until) {
    bool begun = false;
    if constexpr (detail::following::is_handler<S, Handler>) try {
        detail::following::claim<S> claim(storage_, name_, options_, progress_, ended.get_token());
        if (!claim.is_held()) return true;
        detail::following::following<S, Handler> following(storage_, which_, handler_, options_, progress_, claim,
                                                           ended);
        following.start();
        begun = true;
        following.run(live, until);
        return true;
      } catch (const exception& why) {
        if (begun || !live || !detail::following::may_pass(why.error())) throw;
        progress_.note_error(why.error().message);
      }
    return ended.stop_requested();
  }

  S& storage_;
  follower name_;
  query which_;
  Handler handler_;
  subscription_options options_;
  mutable detail::following::progress progress_{};
};

}  // namespace must
