// SPDX-License-Identifier: MIT
// view: a projection that is stored, in versions: a new one is built beside the old one, and then takes its place.
#pragma once

#include "must/detail/rest.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/model/view/handler.hpp"  // IWYU pragma: export
#include "must/model/view/state.hpp"
#include "must/model/view/take_over.hpp"
#include "must/query.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/subscription.hpp"
#include "must/subscription/claim.hpp"
#include "must/subscription/follower.hpp"
#include "must/subscription/handled_events.hpp"
#include "must/subscription/options.hpp"
#include "must/subscription/parked.hpp"
#include "must/subscription/progress.hpp"
#include "must/subscription/wait_outcome.hpp"
#include "must/text/quoted.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace must {

/// The progress of a rebuild of a view.
struct rebuild_progress {
  position done = 0;                 ///< The position up to which everything is handled.
  position total = 0;                ///< The position to come to. It grows while events are stored.
  double per_second = 0;             ///< The number of positions a second since the rebuild was called.
  std::chrono::microseconds left{};  ///< The time that is left at that rate.
};

/// The name of a view, and the version of what handles its events.
struct view_version {
  std::string name{};    ///< The name of the view: 1 to 300 bytes.
  unsigned version = 1;  ///< The version: 1, 2, 3 ..., a new one for every change of the handler.
};

/// A view that a handler stores, in versions. A new version is built beside the one in use, whose tables the program
/// reads, and then takes its place.
///
/// The handler is that of a must::subscription, and may take a view_phase as its last argument. What it does beyond its
/// own tables, such as to send a mail, it does in view_phase::live only. Then it does so once for each event, whichever
/// version is in use. Without a transaction, a crash may repeat the last events.
/// Each version has a checkpoint of its own. The handler of each version writes tables of its own. Parked events are
/// handed over by their keys, so a new version has the same key_of. A version that ends while it takes over leaves the
/// former one in use.
template <CellStorage S, typename Handler>
class view {
 public:
  /// Makes a view that builds nothing until run or rebuild is called.
  /// \throws bad_input  when the name, the version or an option is out of range
  /// \throws bad_input  when the query leaves out a type that a typed handler handles
  view(S& storage, view_version which, query events, Handler handler, subscription_options options = {})
      : storage_(storage),
        which_(checked(std::move(which))),
        options_(std::move(options)),
        cell_(storage, which_.name),
        subscription_(storage, name_of(which_.version), std::move(events),
                      detail::model::view_handler<S, Handler>(storage, which_.name, which_.version, control_,
                                                              options_.key_of, std::move(handler)),
                      prepared(options_)) {}
  /// Makes a view of the events that a typed handler handles, by every name under which they may be stored.
  /// \throws bad_input  when the name, the version or an option is out of range
  view(S& storage, view_version which, Handler handler, subscription_options options = {})
      : view(storage, std::move(which), detail::following::handled_query<Handler>(), std::move(handler),
             std::move(options)) {}
  view(const view&) = delete;
  view& operator=(const view&) = delete;

  /// Builds this version beside the one in use, takes its place, and returns. It begins with the first event, unless
  /// the option `start` says otherwise.
  ///
  /// A stop request ends it early, and the next call goes on from there. It does nothing when this version is built and
  /// in use. A process that runs the former version returns from run. The first version of a view is in use from the
  /// start.
  /// \param progress  what is called about ten times a second, and at the end
  /// \param stop      the request to stop early
  /// \throws not_owner  when a later version is in use
  /// \throws not_owner  when another process follows this version
  /// \throws ...        what subscription::run_once throws
  void rebuild(const std::function<void(const rebuild_progress&)>& progress = {}, const std::stop_token& stop = {}) {
    auto now = begun();
    if (now.active == which_.version && now.is_built) return;
    start_progress(progress);
    while (now.active != which_.version && !stop.stop_requested()) {
      take_over(now, stop);
      now = begun();
    }
    if (!stop.stop_requested() && !now.is_built) finish(now, stop);
    if (!stop.stop_requested()) tell(true);
    progress_ = {};
  }
  /// Builds this version if need be, and follows the store until a stop is requested or another version takes its
  /// place.
  ///
  /// When another version is about to take its place and ends before that, this one goes on.
  /// \throws ...  what rebuild throws
  void run(const std::stop_token& stop) {
    static_cast<void>(begun());
    try {
      rebuild({}, stop);
    } catch (const not_owner&) {  // The owner is another process, or this version was replaced meanwhile.
      if (cell_.get().active <= which_.version) throw;
    }
    while (!stop.stop_requested()) {
      const auto now = cell_.get();
      if (now.active != which_.version) return;
      std::stop_source ended;
      const std::stop_callback forward(stop, [&] { ended.request_stop(); });
      const bool was_aside = control_.is_aside;
      control_ = {.before = now.before, .is_in_use = true, .ends = &ended};
      try {
        subscription_.run(ended.get_token());
      } catch (const not_owner&) {
        if (cell_.get().active != which_.version) return;
        if (!was_aside && !control_.is_aside) throw;
        control_.is_aside = true;
      }
      if (control_.is_aside) leave_room(stop);
    }
  }
  /// Withdraws this version while it is not in use, so that the version in use does not wait for it. It is called when
  /// a version that was built has died or is not wanted any more. What it has built is kept.
  /// \returns whether this version was about to take the place of the one in use
  /// \throws storage_error  when the store fails
  bool withdraw() {
    return cell_
        .change([&](auto& now) {
          if (now.wanted != which_.version || now.active >= which_.version) return false;
          now.wanted = 0;
          return true;
        })
        .has_value();
  }
  /// Returns the version in use. It is 0 until a version that is in use has come to the end of the store once.
  /// \throws storage_error  when the store fails
  [[nodiscard]] unsigned active_version() const {
    const auto now = cell_.get();
    return now.is_built ? now.active : 0;
  }
  /// Waits until everything at or below a position is handled by this version. \see subscription::wait_until
  wait_outcome wait_until(position at, duration timeout) { return subscription_.wait_until(at, timeout); }
  /// Returns how far this version is, and what holds it up. \see subscription::health
  [[nodiscard]] subscription_health health() const { return subscription_.health(); }
  /// Returns the events that this version has parked.
  /// \throws storage_error  when the store fails
  [[nodiscard]] std::vector<parked_event> parked() const { return subscription_.parked(); }
  /// Asks the process that runs this version to handle its parked events again, soon.
  /// \throws storage_error  when the store fails
  void replay_parked() { subscription_.replay_parked(); }
  /// Asks for one parked event to be handled again. \see subscription::replay
  void replay(const parked_choice& which) { subscription_.replay(which); }
  /// Asks for a parked event to be skipped. \see subscription::skip
  void skip(const parked_choice& which) { subscription_.skip(which); }
  /// Asks for a parked event, and all that wait behind it, to be skipped. \see subscription::drop
  void drop(const parked_choice& which) { subscription_.drop(which); }

 private:
  using clock = std::chrono::steady_clock;
  static view_version checked(view_version which) {
    kit::check_name("name", which.name);
    if (which.name.size() > 300) kit::refuse_input("name", "is longer than 300 bytes");
    if (which.version == 0) kit::refuse_input("version", "is 0; versions begin at 1");
    return which;
  }
  [[nodiscard]] follower name_of(unsigned which) const { return follower::view(which_.name, which); }
  subscription_options prepared(subscription_options options) {
    options.on_failure = detail::model::policy_of_view(std::move(options.on_failure), control_);
    options.observer = [this, user = std::move(options.observer)](const subscription_health& now) {
      if (user) user(now);
      done_ = now.scanned;
      tell(false);
    };
    return options;
  }
  // Returns the state when this version is the first, in use, or later than the one in use.
  detail::model::view_state begun() {
    static_cast<void>(cell_.change([&](auto& now) {
      if (now.active != 0) return false;
      now.active = which_.version;
      return true;
    }));
    const auto now = cell_.get();
    if (now.active > which_.version)
      raise({.code = error_code::not_owner,
             .message = "version " + std::to_string(now.active) + " of view " + detail::text::in_quotes(which_.name) +
                        " is in use, which is newer than version " + std::to_string(which_.version),
             .field = "version"});
    return now;
  }
  template <typename Target>
  void catch_up(const std::stop_token& stop, Target&& target) {
    for (total_ = target(); !stop.stop_requested(); total_ = target()) {
      done_ = subscription_.run_once(stop, total_);
      if (done_ >= total_) return;
    }
  }
  // Comes to where the former version is, ends that, comes to just where it was, and takes its place. It returns
  // without having done so when something came between.
  void take_over(const detail::model::view_state& now, const std::stop_token& stop) {
    const auto former = now.active;
    control_ = {};
    catch_up(stop, [&] {
      control_.before = detail::model::done_by(storage_, name_of(former));
      control_.before.add_earlier(now.before);
      return control_.before.at;
    });
    if (stop.stop_requested()) return;
    auto waiting = options_;
    waiting.standby = true;
    waiting.owner = {};
    detail::following::progress counters;
    std::stop_source ended;
    const std::stop_callback forward(stop, [&] { ended.request_stop(); });
    detail::model::announcement<S> announced(cell_, which_.version, counters, ended);
    detail::following::claim<S> claim(storage_, name_of(former), waiting, counters, ended.get_token());
    announced.end();
    if (!claim.is_held()) return;
    const auto turn = cell_.change([&](auto& next) {
      ++next.turn;
      return next.active == former;
    });
    if (!turn) return;
    control_.before = detail::model::all_done_by(storage_, claim);
    control_.before.add_earlier(now.before);
    catch_up(stop, [&] { return control_.before.at; });
    replay_what_is_done(stop);
    if (stop.stop_requested()) return;
    static_cast<void>(cell_.change([&](auto& next) {
      if (next.active != former || next.turn != turn->turn) return false;  // The former version follows again.
      next.active = which_.version;
      next.wanted = std::max(next.wanted, which_.version);
      next.before = control_.before;
      return true;
    }));
    static_cast<void>(claim.release(claim.found().handled));
  }
  // Waits, so that the version that announces itself can have the claim.
  void leave_room(const std::stop_token& stop) const {
    for (int i = 0; i < 10 && !stop.stop_requested() && cell_.get().active == which_.version; ++i)
      detail::rest(duration{100'000}, stop);
  }
  // Takes out what the former version has handled after all, of what it had parked.
  void replay_what_is_done(const std::stop_token& stop) {
    const auto parked = subscription_.parked();
    if (std::none_of(parked.begin(), parked.end(),
                     [&](const auto& one) { return control_.before.has_done(one.position, one.key); }))
      return;
    subscription_.replay_parked();
    done_ = subscription_.run_once(stop, control_.before.at);
  }
  // Comes to the end of the store while it is in use.
  void finish(const detail::model::view_state& now, const std::stop_token& stop) {
    control_ = {.before = now.before, .is_in_use = true};
    catch_up(stop, [&] { return storage_.head(); });
    if (stop.stop_requested()) return;
    static_cast<void>(cell_.change([&](auto& next) {
      next.is_built = true;
      return next.active == which_.version;
    }));
  }

  void start_progress(const std::function<void(const rebuild_progress&)>& progress) {
    progress_ = progress;
    begun_ = told_ = clock::now();
    begun_at_ = detail::model::done_by(storage_, name_of(which_.version)).at;
    done_ = begun_at_;
  }
  void tell(bool at_the_end) {
    const auto now = clock::now();
    if (!progress_ || (!at_the_end && now - told_ < std::chrono::milliseconds(100))) return;
    told_ = now;
    const double seconds = std::chrono::duration<double>(now - begun_).count();
    const double rate = seconds > 0 ? static_cast<double>(done_ - begun_at_) / seconds : 0;
    const auto rest = total_ > done_ ? static_cast<double>(total_ - done_) : 0;
    progress_({done_, std::max(total_, done_), rate,
               std::chrono::microseconds(rate > 0 ? static_cast<std::int64_t>(rest / rate * 1e6) : 0)});
  }

  S& storage_;
  view_version which_;
  subscription_options options_;
  detail::model::view_cell<S> cell_;
  detail::model::view_control control_{};
  std::function<void(const rebuild_progress&)> progress_{};
  clock::time_point begun_{}, told_{};
  position begun_at_ = 0, done_ = 0, total_ = 0;
  subscription<S, detail::model::view_handler<S, Handler>> subscription_;
};

}  // namespace must
