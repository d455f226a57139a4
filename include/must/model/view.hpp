// SPDX-License-Identifier: MIT
// view: a projection that is stored, in versions: a new one is built beside the old one, and then takes its place.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/subscription.hpp"
#include "must/subscription/checkpoint.hpp"
#include "must/subscription/claim.hpp"
#include "must/subscription/fenced_cell.hpp"
#include "must/subscription/hooks.hpp"
#include "must/subscription/options.hpp"
#include "must/subscription/progress.hpp"
#include "must/text/quoted.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace must {

/// Whether a view is being built anew, and the version before it does what cannot be undone; or is the one in use.
enum class view_phase : std::uint8_t { rebuilding, live };

/// How far a rebuild is.
struct rebuild_progress {
  position done = 0;      ///< everything at or below is handled
  position total = 0;     ///< grows while events are stored
  double per_second = 0;  ///< positions, since the rebuild was called
  duration left{};        ///< at that rate
};

/// The name of a view, and the version of what handles its events: 1, 2, 3 ...
struct view_version {
  std::string name{};    ///< 1 to 300 bytes
  unsigned version = 1;  ///< a new one for every change of the handler
};

namespace detail::model {

// Which version of a view is in use, which one wants to be, and up to where the one before did its work.
struct view_state {
  unsigned active = 0;
  unsigned wanted = 0;
  position mark = 0;
};

template <CellStorage S>
class view_cell {
 public:
  view_cell(S& storage, const std::string& name) : storage_(storage), key_("must/view/" + name) {}
  [[nodiscard]] view_state get() const { return of(storage_.get(key_)); }
  template <typename Change>
  void change(Change&& change) {
    for (;;) {
      const auto now = storage_.get(key_);
      auto next = of(now);
      change(next);
      const auto bytes =
          following::join_fields({std::to_string(next.active), std::to_string(next.wanted), std::to_string(next.mark)});
      if ((now && now->bytes == bytes) || storage_.put(key_, bytes, now ? now->revision : 0)) return;
    }
  }

 private:
  static view_state of(const std::optional<cell>& found) {
    if (!found) return {};
    const auto fields = following::split_fields(found->bytes);
    return {following::read_count<unsigned>(fields, 0), following::read_count<unsigned>(fields, 1),
            following::read_count(fields, 2)};
  }
  S& storage_;
  std::string key_;
};

// What a view tells its handler.
struct view_control {
  position mark = 0;  // at or below, the version before did what cannot be undone
  std::stop_source* retired = nullptr;
};

// Tells the handler which phase it is, when it takes that, and ends the run of a version that another replaces.
template <CellStorage S, typename Handler>
class view_handler : public following::hooks {
 public:
  using event_type = recorded<typename S::data_type>;
  static constexpr bool takes_phase = std::invocable<Handler&, const event_type&, view_phase>;

  view_handler(S& storage, const view_version& which, const view_control& control, Handler handler)
      : cell_(storage, which.name), version_(which.version), control_(control), handler_(std::move(handler)) {}

  void operator()(const event_type& event)
    requires std::invocable<Handler&, const event_type&> || takes_phase
  {
    if constexpr (takes_phase)
      handler_(event, phase_of(event));
    else
      handler_(event);
  }
  template <typename Transaction>
    requires std::invocable<Handler&, Transaction&, const event_type&> ||
             std::invocable<Handler&, Transaction&, const event_type&, view_phase>
  void operator()(Transaction& in, const event_type& event) {
    if constexpr (std::invocable<Handler&, Transaction&, const event_type&, view_phase>)
      handler_(in, event, phase_of(event));
    else
      handler_(in, event);
  }
  // One that waited while another followed may be retired before its first event.
  void begin_run(const std::stop_token&) { static_cast<void>(tick()); }
  duration tick() {
    if (control_.retired != nullptr && cell_.get().wanted != version_) control_.retired->request_stop();
    return duration{500'000};
  }

 private:
  [[nodiscard]] view_phase phase_of(const event_type& event) const {
    return event.position <= control_.mark ? view_phase::rebuilding : view_phase::live;
  }
  view_cell<S> cell_;
  unsigned version_;
  const view_control& control_;
  Handler handler_;
};

}  // namespace detail::model

/// A projection with a handler that stores it, in versions: build the new one beside the old one, then switch.
///
/// The handler is that of a subscription, and may take a view_phase as well: what it does beyond its own view (sends a
/// mail) belongs to view_phase::live, and then happens once for each event, whichever version is in use.
/// Each version has a checkpoint and, by the user, tables of its own. \see subscription
template <CellStorage S, typename Handler>
class view {
 public:
  /// \throws bad_input  when the name, the version or an option is out of range
  view(S& storage, view_version which, query events, Handler handler, subscription_options options = {})
      : storage_(storage),
        which_(checked(std::move(which))),
        options_(std::move(options)),
        cell_(storage, which_.name),
        subscription_(storage, name_of(which_.version), std::move(events),
                      detail::model::view_handler<S, Handler>(storage, which_, control_, std::move(handler)),
                      observed(options_)) {}
  view(const view&) = delete;
  view& operator=(const view&) = delete;

  /// Builds this version from the first event on, beside the one in use, takes its place, and returns. Goes on where
  /// an earlier call was cut off, and does nothing when this version is in use. Another process that runs the former
  /// version stops by itself. `progress` is called about ten times a second, and at the end.
  /// \throws as subscription::run; not_owner, when a later version is in use
  void rebuild(const std::function<void(const rebuild_progress&)>& progress = {}, const std::stop_token& stop = {}) {
    cell_.change([&](auto& now) {
      if (now.wanted == 0) now.wanted = which_.version;
    });
    const auto begun = cell_.get();
    const auto former = begun.active != 0 ? begun.active : begun.wanted;
    if (begun.active == which_.version) return;
    if (former > which_.version)
      raise({.code = error_code::not_owner,
             .message = "version " + std::to_string(former) + " of view " + detail::text::in_quotes(which_.name) +
                        " is in use, which is newer than version " + std::to_string(which_.version),
             .field = "version"});
    start_progress(progress);
    if (former == which_.version) {
      control_ = {};
      catch_up(stop, [&] { return storage_.head(); });
      if (!stop.stop_requested()) activate(0);
    } else {
      control_ = {std::numeric_limits<position>::max(), nullptr};
      catch_up(stop, [&] { return checkpoint_of(former); });
      take_over(former, stop);
    }
    if (!stop.stop_requested()) tell(true);
    progress_ = {};
  }
  /// Follows, as the version in use, until a stop is requested or another version takes its place; builds itself first.
  /// \throws as subscription::run
  void run(const std::stop_token& stop) {
    rebuild({}, stop);
    if (stop.stop_requested()) return;
    std::stop_source ended;
    const std::stop_callback forward(stop, [&] { ended.request_stop(); });
    control_ = {cell_.get().mark, &ended};
    subscription_.run(ended.get_token());
  }
  /// The version in use; 0 when none was built. \throws storage_error
  [[nodiscard]] unsigned active_version() const { return cell_.get().active; }
  /// \see subscription
  wait_outcome wait_until(position at, duration timeout) { return subscription_.wait_until(at, timeout); }
  [[nodiscard]] subscription_health health() const {
    return subscription_.health();
  }  ///< of the version of this object

 private:
  using clock = std::chrono::steady_clock;
  static view_version checked(view_version which) {
    kit::check_name("name", which.name);
    if (which.name.size() > 300) kit::refuse_input("name", "is longer than 300 bytes");
    if (which.version == 0) kit::refuse_input("version", "is 0; versions begin at 1");
    return which;
  }
  [[nodiscard]] follower name_of(unsigned which) const { return follower::view(which_.name, which); }
  subscription_options observed(subscription_options options) {
    options.observer = [this, user = std::move(options.observer)](const subscription_health& now) {
      if (user) user(now);
      done_ = now.scanned;
      tell(false);
    };
    return options;
  }
  [[nodiscard]] position checkpoint_of(unsigned which) const {
    const auto found = detail::following::find_cell(storage_, name_of(which));
    if (!found) return 0;
    return detail::following::checkpoint::of(detail::following::owned_fields::of(found->bytes).fields).handled.at;
  }
  template <typename Target>
  void catch_up(const std::stop_token& stop, Target&& target) {
    for (total_ = target(); !stop.stop_requested(); total_ = target()) {
      done_ = subscription_.run_once(stop, total_);
      if (done_ >= total_) return;
    }
  }
  // The former version ends, and this one comes to just where that was.
  void take_over(unsigned former, const std::stop_token& stop) {
    if (stop.stop_requested()) return;
    cell_.change([&](auto& now) { now.wanted = which_.version; });
    auto waiting = options_;
    waiting.standby = true;
    waiting.owner = {};
    detail::following::progress counters;
    detail::following::claim<S> claim(storage_, name_of(former), waiting, counters, stop);
    if (!claim.is_held()) return;
    const auto mark = claim.found().handled.at;
    catch_up(stop, [&] { return mark; });
    if (!stop.stop_requested()) activate(mark);
    claim.release(claim.found().handled);
  }
  void activate(position mark) {
    cell_.change([&](auto& now) { now = {which_.version, std::max(now.wanted, which_.version), mark}; });
  }

  void start_progress(const std::function<void(const rebuild_progress&)>& progress) {
    progress_ = progress;
    begun_ = told_ = clock::now();
    begun_at_ = checkpoint_of(which_.version);
    done_ = begun_at_;
  }
  void tell(bool at_the_end) {
    const auto now = clock::now();
    if (!progress_ || (!at_the_end && now - told_ < std::chrono::milliseconds(100))) return;
    told_ = now;
    const double seconds = std::chrono::duration<double>(now - begun_).count();
    const double rate = seconds > 0 ? static_cast<double>(done_ - begun_at_) / seconds : 0;
    const auto rest = total_ > done_ ? static_cast<double>(total_ - done_) : 0;
    progress_(
        {done_, std::max(total_, done_), rate, duration{rate > 0 ? static_cast<std::int64_t>(rest / rate * 1e6) : 0}});
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
