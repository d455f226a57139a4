// SPDX-License-Identifier: MIT
// The handler of a view: tells the handler of the program the phase, and gives way to a version that takes over.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/model/view/state.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/subscription/handled_events.hpp"
#include "must/subscription/hooks.hpp"
#include "must/subscription/options.hpp"
#include "must/subscription/partition.hpp"
#include "must/timestamp.hpp"

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace must {

/// Whether an event of a view was handled by the version before, or is handled for the first time.
enum class view_phase : std::uint8_t {
  rebuilding,  ///< The version before has handled the event, and has done what cannot be undone.
  live         ///< No version has handled the event: what cannot be undone is to be done now.
};

namespace detail::model {

// What a view tells its handler.
struct view_control {
  handed_over before{};    // What the version before has done.
  bool is_in_use = false;  // Otherwise only what the version before has done is handled.
  bool is_aside = false;   // Whether a stop was for a version that announces itself.
  std::stop_source* ends = nullptr;
};

// The failure policy of a view: events that the version before has parked are parked here, too.
inline failure_policy policy_of_view(failure_policy policy, const view_control& control) {
  auto decide = [policy, &control](const failed_attempt& failed) {
    if (!control.is_in_use && !control.before.has_done(failed.event, failed.key)) {
      const auto* left = control.before.left_at(failed.event, failed.key);
      return left != nullptr && !left->is_strict ? failure_action::park_loose : failure_action::park;
    }
    if (policy.decide) return policy.decide(failed);
    return failed.attempts < policy.attempts.value_or(1) ? failure_action::retry : policy.then;
  };
  policy.decide = std::move(decide);
  return policy;
}

template <CellStorage S, typename Handler>
class view_handler : public following::hooks, public following::handles_as<Handler> {
 public:
  using event_type = recorded<typename S::data_type>;
  static constexpr bool takes_phase = std::invocable<Handler&, const event_type&, view_phase>;

  view_handler(S& storage, const std::string& name, unsigned version, view_control& control, key_function key_of,
               Handler handler)
      : cell_(storage, name),
        version_(version),
        control_(control),
        key_of_(std::move(key_of)),
        handler_(std::move(handler)) {}

  void operator()(const event_type& event)
    requires std::invocable<Handler&, const event_type&> || takes_phase
  {
    const auto phase = phase_of(event);
    if constexpr (takes_phase)
      handler_(event, phase);
    else
      handler_(event);
  }
  template <typename Transaction>
    requires std::invocable<Handler&, Transaction&, const event_type&> ||
             std::invocable<Handler&, Transaction&, const event_type&, view_phase>
  void operator()(Transaction& in, const event_type& event) {
    const auto phase = phase_of(event);
    if constexpr (std::invocable<Handler&, Transaction&, const event_type&, view_phase>)
      handler_(in, event, phase);
    else
      handler_(in, event);
  }
  // The version in use notes that it follows, before its first event, so that one that is about to take over sees that.
  // One that waited while another followed may be replaced by now.
  void begin_run(const std::stop_token&) {
    if (!control_.is_in_use) return;
    const auto follows = cell_.change([&](view_state& now) {
      if (now.active != version_) return false;
      ++now.turn;
      return true;
    });
    if (!follows && control_.ends != nullptr) control_.ends->request_stop();
    if (!follows && control_.ends == nullptr) raise_replaced();
  }
  template <typename Timed>
  duration tick(Timed&&) {
    if (control_.ends == nullptr) return duration{longest_span};
    const auto now = cell_.get();
    control_.is_aside = now.active == version_ && now.wanted > version_ && beat_ && *beat_ != now.beat;
    if (now.active != version_ || control_.is_aside) control_.ends->request_stop();
    beat_ = now.beat;
    return duration{250'000};
  }

 private:
  [[noreturn]] void raise_replaced() const {
    raise({.code = error_code::not_owner,
           .message = "version " + std::to_string(version_) + " of the view was replaced by another",
           .field = "version"});
  }
  [[nodiscard]] view_phase phase_of(const event_type& event) const {
    const auto key = following::partition_key(event, key_of_);
    if (control_.before.has_done(event.position, key)) return view_phase::rebuilding;
    if (!control_.is_in_use)
      raise({.code = error_code::poison,
             .message = "the version before has parked the event, or others of its key that come first",
             .position = event.position});
    return view_phase::live;
  }
  view_cell<S> cell_;
  unsigned version_;
  view_control& control_;
  key_function key_of_;
  Handler handler_;
  std::optional<std::uint64_t> beat_{};  // The last beat that was seen.
};

}  // namespace detail::model
}  // namespace must
