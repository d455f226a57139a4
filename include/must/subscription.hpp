// SPDX-License-Identifier: MIT
// subscription: follows a store from a checkpoint, first what is there, then live.
#pragma once

#include "must/detail/at_exit.hpp"
#include "must/detail/rest.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/subscription/claim.hpp"
#include "must/subscription/fenced_cell.hpp"
#include "must/subscription/following.hpp"
#include "must/subscription/handler_of.hpp"  // IWYU pragma: export
#include "must/subscription/health.hpp"
#include "must/subscription/options.hpp"
#include "must/subscription/parked.hpp"
#include "must/timestamp.hpp"

#include <atomic>
#include <concepts>
#include <limits>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace must {

/// What follows a store: it takes each event, or each event within the transaction that saves the checkpoint.
///
/// `handler(const recorded<data_type>&)`: at least once. `handler(S::transaction&, const recorded<data_type>&)`, for a
/// TransactionalStorage: what it writes there, and how far it came, are stored together, so that counts exactly once.
/// One that throws leaves the event to the failure policy. \see handler_of, which throws for what it does not know
template <typename H, typename S>
concept EventHandler = CellStorage<S> && (std::invocable<H&, const recorded<typename S::data_type>&> ||
                                          detail::following::takes_transaction<S, H>);

/// Follows the events of a store that match a query: catches up, then goes on live. At least once, and in order.
///
/// The checkpoint, one owner's lease on it, attempts and parked events are cells of the store, under the name.
/// \param storage  not owned \param name  1 to 400 bytes; of two with one name only one follows at a time
/// \param handler  \see EventHandler. With several lanes it is called by as many threads at once
/// \throws bad_input  when an option is out of range; `field` says which
template <CellStorage S, typename Handler>
  requires EventHandler<Handler, S>
class subscription {
 public:
  using data_type = typename S::data_type;  ///< of the events

  /// Follows nothing until it is run.
  subscription(S& storage, std::string name, query which, Handler handler, subscription_options options = {})
      : storage_(storage),
        name_(std::move(name)),
        which_(std::move(which)),
        handler_(std::move(handler)),
        options_(std::move(options)) {
    detail::following::check_subscription(name_, options_);
    kit::check_read(which_, {});
  }
  subscription(const subscription&) = delete;
  subscription& operator=(const subscription&) = delete;

  /// Follows until a stop is requested, then saves and lets another take over. A failure of the store that may pass is
  /// waited for.
  /// A store that is restored meanwhile is noticed where it ends before what was read, and at the next save where the
  /// event that was saved last is another one.
  /// \throws what the handler threw, when the policy is to stop; not_owner, when another follows under this name;
  ///   history_changed, when the store is not the one of the checkpoint, or is restored; bad_input, when it runs
  ///   already; storage_error, when no retry can help
  void run(const std::stop_token& stop) { follow(stop, true, std::numeric_limits<position>::max()); }

  /// Handles what the store has now, up to a position, saves, and returns how far everything is handled.
  /// \throws as run, and every storage_error
  position run_once(const std::stop_token& stop = {}, position until = std::numeric_limits<position>::max()) {
    follow(stop, false, until);
    return progress_.scanned();
  }

  /// Waits until everything at or below a position is handled, such as `processed.last`: read your own writes.
  /// \returns whether it is, within the timeout
  bool wait_until(position at, duration timeout) { return progress_.wait_until(at, detail::to_chrono(timeout)); }

  /// How it goes, from any thread. Reads one event of the store. \throws storage_error
  [[nodiscard]] subscription_health health() const {
    return detail::following::health_of(storage_, which_, options_, progress_);
  }
  /// What is parked, whoever follows. \throws storage_error
  [[nodiscard]] std::vector<parked_event> parked() const {
    const auto found = storage_.get(detail::following::parked_key(name_));
    if (!found) return {};
    return detail::following::read_parked(detail::following::owned_fields::of(found->bytes).fields);
  }
  /// Asks whoever follows to handle the parked events again, soon; those that fail stay parked. \throws storage_error
  void replay_parked() {
    const auto key = detail::following::replay_key(name_);
    for (auto asked = storage_.get(key); !storage_.put(key, "", asked ? asked->revision : 0);)
      asked = storage_.get(key);
  }

 private:
  void follow(const std::stop_token& stop, bool live, position until) {
    if (progress_.running.exchange(true)) kit::refuse_input("run", "was called while it runs");
    const detail::at_exit ends([&] { progress_.running = false; });
    std::stop_source ended;
    const std::stop_callback forward(stop, [&] { ended.request_stop(); });
    while (!try_to_follow(ended, live, until)) detail::rest(duration{100'000}, stop);
  }
  // False when the store failed before the first event, in a way that may pass: live, that is begun anew.
  bool try_to_follow(std::stop_source& ended, bool live, position until) {
    bool begun = false;
    try {
      detail::following::claim<S> claim(storage_, name_, options_, progress_, ended.get_token());
      if (!claim.is_held()) return true;
      detail::following::following<S, Handler> following(storage_, which_, handler_, options_, progress_, claim, ended);
      following.start();
      begun = true;
      following.run(live, until);
      return true;
    } catch (const exception& why) {
      if (begun || !live || !detail::following::may_pass(why.error())) throw;
      progress_.note_error(why.error().message);
      return ended.stop_requested();
    }
  }

  S& storage_;
  std::string name_;
  query which_;
  Handler handler_;
  subscription_options options_;
  mutable detail::following::progress progress_{};
};

}  // namespace must
