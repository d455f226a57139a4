// SPDX-License-Identifier: MIT
// relay: a subscription that hands its events to a delivery.
#pragma once

#include "must/delivery.hpp"
#include "must/delivery/relay_options.hpp"  // IWYU pragma: export
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/subscription.hpp"
#include "must/subscription/hooks.hpp"
#include "must/text/quoted.hpp"

#include <cstddef>
#include <exception>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace must {

namespace detail::delivery {

// Returns the answer as an error. The code tells a failure policy what kind it is.
[[noreturn]] inline void raise_undelivered(const delivery_answer& answer, const std::string& id,
                                           const std::string& type, position at) {
  const auto code = answer.outcome == delivery_outcome::poison    ? error_code::poison
                    : answer.outcome == delivery_outcome::fatal   ? error_code::undeliverable
                    : answer.outcome == delivery_outcome::unknown ? error_code::outcome_unknown
                                                                  : error_code::storage_error;
  raise({.code = code,
         .message = answer.reason.empty() ? "event " + text::in_quotes(id) + " was not delivered" : answer.reason,
         .event_id = id,
         .type = type,
         .position = at,
         .operation = "deliver",
         .retryable = answer.outcome == delivery_outcome::retriable});
}

template <typename Data, typename D>
class relay_handler : public following::hooks {
 public:
  using event_type = recorded<Data>;

  relay_handler(D& delivery, std::size_t batch) : delivery_(&delivery), batch_(batch) {
    if (batch < 1 || batch > 100'000)
      kit::refuse_input("batch", "is " + std::to_string(batch) + "; it has to be 1 to 100000");
  }
  [[nodiscard]] std::size_t batch() const { return batch_; }
  // A stop ends what the delivery waits for.
  void begin_run(const std::stop_token& stop) { stop_ = stop; }

  void operator()(const event_type& event) {
    delivery_answer answer;
    const auto* const one = &event;
    deliver_to<D, Data>(*delivery_, std::span(&one, 1), std::span(&answer, 1), stop_);
    if (answer.outcome != delivery_outcome::ok) raise_undelivered(answer, event.id, event.type, event.position);
  }
  // Returns how many were confirmed before the first that was not, and why that was not.
  std::size_t try_all(std::span<const event_type* const> events, std::exception_ptr& failed) {
    std::vector<delivery_answer> answers(events.size());
    try {
      deliver_to<D, Data>(*delivery_, events, answers, stop_);
    } catch (...) {
      failed = std::current_exception();
      return 0;
    }
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (answers[i].outcome == delivery_outcome::ok) continue;
      try {
        raise_undelivered(answers[i], events[i]->id, events[i]->type, events[i]->position);
      } catch (...) {
        failed = std::current_exception();
      }
      return i;
    }
    return events.size();
  }

 private:
  D* delivery_;
  std::size_t batch_;
  std::stop_token stop_{};
};

}  // namespace detail::delivery

/// Makes a relay: a subscription that hands the events of a store that match a query to a Delivery.
///
/// Each event arrives at least once, and in order. With several lanes, only the events of one key are in order. The
/// checkpoint covers only events that are confirmed. A repeat has the same source and id, so that must::deduplicator
/// and must::inbox recognise it.
/// \param storage   the store whose events are delivered, which outlives the relay
/// \param name      the name of the relay, 1 to 400 bytes: it is the name of its subscription
/// \param which     the events that are delivered
/// \param delivery  the Delivery, which outlives the relay
/// \param options   how the relay works
/// \returns a must::subscription, which delivers while it runs
/// \throws bad_input  when the name or an option is out of range
template <CellStorage S, Delivery<typename S::data_type> D>
[[nodiscard]] auto relay(S& storage, std::string name, query which, D& delivery, relay_options options = {}) {
  using handler = detail::delivery::relay_handler<typename S::data_type, D>;
  handler deliver(delivery, options.batch);
  return subscription<S, handler>(storage, std::move(name), std::move(which), std::move(deliver),
                                  detail::delivery::following_options(std::move(options)));
}

}  // namespace must
