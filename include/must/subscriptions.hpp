// SPDX-License-Identifier: MIT
// subscriptions: shows and changes what a store keeps of its subscriptions.
#pragma once

#include "must/detail/rest.hpp"
#include "must/fwd.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/stored_names.hpp"
#include "must/subscription/checkpoint.hpp"
#include "must/subscription/claim.hpp"
#include "must/subscription/fenced_cell.hpp"
#include "must/subscription/follower.hpp"  // IWYU pragma: export
#include "must/subscription/former_cells.hpp"
#include "must/subscription/lease.hpp"
#include "must/subscription/options.hpp"
#include "must/subscription/parked_event.hpp"  // IWYU pragma: export
#include "must/subscription/parked_requests.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace must {

/// What a store keeps of one subscription.
struct subscription_info {
  follower name;                     ///< The name. It may be that of a process manager or a view.
  position checkpoint = 0;           ///< Every event at or below it is handled, skipped or parked.
  std::uint64_t lag = 0;             ///< The positions between the checkpoint and the head.
  std::string owner{};               ///< The process that follows, or followed until it crashed.
  unsigned lanes = 1;                ///< The number of lanes of the last run.
  std::uint64_t parked = 0;          ///< The number of parked events.
  std::uint64_t waiting_behind = 0;  ///< The number of events that wait behind a parked one.
  std::string last_error{};          ///< The last failure of a handler or of the store, in any process.
  timestamp last_error_at{};         ///< The time of the last failure, by the clock of the store.
};

/// Shows, resets and removes the subscriptions of a store: `must::subscriptions(store).list()`.
///
/// Process managers and versions of views are named by follower::process_manager and follower::view.
/// \throws storage_error  from every member, when the store fails
template <CellStorage S>
class subscriptions {
 public:
  /// Shows the subscriptions of a store, which outlives this object.
  explicit subscriptions(S& storage) noexcept : storage_(storage) {}

  /// Returns all subscriptions that ever ran and were not removed, in the order of their keys. It reads three cells
  /// each.
  [[nodiscard]] std::vector<subscription_info> list() const {
    std::vector<subscription_info> all;
    for (const auto& key : storage_.list(std::string(stored_names::subscriptions)))
      if (const auto name = follower::of_key(key))
        if (auto one = find(*name)) all.push_back(*std::move(one));
    return all;
  }
  /// Returns what is kept of one subscription, or nothing when it never ran or was removed.
  [[nodiscard]] std::optional<subscription_info> find(const follower& name) const {
    const auto found = detail::following::find_cell(storage_, name);
    if (!found || !detail::following::count_owned_fields(found->bytes)) return std::nullopt;
    const auto content = detail::following::owned_fields::of(found->bytes);
    if (content.fields.size() < checkpoint::least_fields) return std::nullopt;
    const auto stands = checkpoint::of(content.fields);
    const auto parked = detail::following::parked_of(storage_, name, stands.since).all;
    subscription_info made{.name = name,
                           .checkpoint = stands.handled.at,
                           .owner = content.by.owner,
                           .lanes = stands.lanes,
                           .parked = parked.size(),
                           .last_error = stands.error,
                           .last_error_at = timestamp{stands.error_at}};
    const auto head = storage_.head();
    made.lag = head - std::min(head, made.checkpoint);
    for (const auto& one : parked) made.waiting_behind += one.waiting;
    return made;
  }

  /// Makes a subscription begin again at `from`, with nothing parked. Its handler may get events again.
  ///
  /// A subscription that throws history_changed is reset so, too, after its owner has put right what the handler wrote.
  /// \throws not_owner  when a process follows now
  /// \throws bad_input  when `from` is beyond the head of the store. Then nothing is changed.
  void reset(const follower& name, start_at from = start_at::origin()) {
    const auto at = from.in(storage_);
    auto next = detail::following::checkpoint_at(storage_, at);
    if (next.handled.at != at)
      kit::refuse_input("from", "is position " + std::to_string(at) + ", but the store ends at position " +
                                    std::to_string(next.handled.at));
    static_cast<void>(begin_anew(name, [&](std::uint64_t since) {
      next.since = since;
      return next.fields();
    }));
  }
  /// Removes a subscription and its parked events. A subscription that runs under the name later is a new one. Its
  /// cells stay, but for their content, so that a process that followed before writes there no more.
  /// \throws not_owner  when a process follows now
  void remove(const follower& name) {
    const bool has_former = detail::following::find_former_checkpoint(storage_, name).has_value();
    const auto epoch = begin_anew(name, [](std::uint64_t) { return std::vector<std::string>(); });
    if (epoch == 0) return;
    detail::following::empty_cells(storage_, name.cell().now, epoch);
    if (has_former) detail::following::empty_former_cells(storage_, name.cell().former);
  }

  /// Returns the parked events of a subscription, each with its reason. It reads each of them.
  [[nodiscard]] std::vector<parked_event> parked(const follower& name) const {
    return detail::following::list_parked(storage_, name);
  }
  /// Asks the process that follows, now or next, to handle a parked event again, and then those that wait behind it.
  /// \throws bad_input        when it is not parked
  /// \throws history_changed  when another event stands at its position now
  void replay(const follower& name, const parked_choice& which) { ask(name, request::replay, which); }
  /// Asks the process that follows, now or next, to handle all parked events again.
  void replay_all(const follower& name) { ask(name, request::replay_all, 0); }
  /// Asks the process that follows, now or next, to skip a parked event, and to handle those that wait behind it.
  /// \throws bad_input        when it is not parked
  /// \throws history_changed  when another event stands at its position now
  void skip(const follower& name, const parked_choice& which) { ask(name, request::skip, which); }
  /// Asks the process that follows, now or next, to skip a parked event and all that wait behind it.
  /// \throws bad_input        when it is not parked
  /// \throws history_changed  when another event stands at its position now
  void drop(const follower& name, const parked_choice& which) { ask(name, request::drop, which); }

 private:
  using checkpoint = detail::following::checkpoint;
  using request = detail::following::parked_request::action;

  void ask(const follower& name, request what, const parked_choice& which) {
    detail::following::ask(storage_, name, what, which);
  }
  // One write makes everything that earlier epochs left void. The process that follows loses the lease. Returns the
  // epoch that begins, or 0 when there is nothing.
  template <typename Fields>
  std::uint64_t begin_anew(const follower& name, Fields&& fields) {
    using namespace detail::following;
    lease_watch watch;
    for (;;) {
      auto seen = storage_.get(name.cell().now);
      auto former = find_former_checkpoint(storage_, name);
      if (!seen && !former) return 0;
      const auto& of = seen ? *seen : *former;
      const auto content = owned_fields::of(of.bytes);
      const bool is_over = watch.is_over(of.revision, content.by);
      if (watch.has_moved()) raise_not_owner(name.shown(), content.by.owner);
      if (!is_over) {
        must::detail::rest(lease_watch::pause(content.by), {});
        continue;
      }
      const ownership free{"", content.by.epoch + 1, content.by.lease};
      const auto bytes = owned_fields{free, fields(free.epoch)}.bytes();
      if (!storage_.put(name.cell().now, bytes, seen ? seen->revision : 0)) {
        watch.forget();
        continue;
      }
      if (former) overwrite(storage_, name.cell().former, moved_mark);
      return free.epoch;
    }
  }

  S& storage_;
};

}  // namespace must
