// SPDX-License-Identifier: MIT
// The instances that a process manager has at hand: those that were used last, with their states.
#pragma once

#include "must/decision.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/model/process_manager/instance.hpp"
#include "must/process_command/fold.hpp"
#include "must/query.hpp"
#include "must/record.hpp"

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

namespace must::detail::model {

// An instance, and the state of P that its decisions were made in.
template <typename P>
class kept_instance {
 public:
  kept_instance(std::string manager, std::string key) : told_(std::move(manager), std::move(key)) {
    tell_key(*state_, told_.key());
  }

  [[nodiscard]] const process_instance& told() const { return told_; }
  template <typename S>
  void catch_up(S& storage) {
    told_.catch_up(storage);
  }
  // Returns the state after the events that were decided on. Each of them is read once.
  template <typename S>
  P& state(S& storage) {
    using event_type = recorded<typename S::data_type>;
    for (; folded_ < told_.decisions().size(); ++folded_) {
      const auto& decided = told_.decisions()[folded_].what;
      const auto at = decided.position;
      if (at == 0) continue;
      bool found = false;
      const auto read = storage.read(query::all(), {.after = at - 1, .until = at}, [&](const event_type& record) {
        found = process_trigger::of_event(record.source, record.id, at).is_of(decided);
        if (found) pipeline::apply_to(*state_, typename P::events{}, record);
      });
      if (!read.complete)
        raise({.code = error_code::storage_error, .message = "the store ended a read early", .operation = "read"});
      if (!found) raise_event_is_lost(decided.trigger, at, told_.stream());
    }
    return *state_;
  }
  // Notes that the event of the newest decision is in the state already.
  void has_folded_all() { folded_ = told_.decisions().size(); }
  void forget_state() {
    state_ = std::make_unique<P>();
    tell_key(*state_, told_.key());
    folded_ = 0;
  }

 private:
  process_instance told_;
  std::unique_ptr<P> state_ = std::make_unique<P>();
  std::size_t folded_ = 0;  // So many decisions are in the state.
};

template <typename P>
class kept_instances {
 public:
  static constexpr std::size_t most_instances = 1'000;
  // All instances together keep no more. One instance may have more.
  static constexpr std::size_t most_decisions = 100'000;

  // Takes the instance of a key, as it was left.
  std::unique_ptr<kept_instance<P>> take(const std::string& manager, const std::string& key) {
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      auto taken = std::move(*found->second);
      order_.erase(found->second);
      by_key_.erase(found);
      decisions_ -= taken->told().decisions().size();
      return taken;
    }
    return std::make_unique<kept_instance<P>>(manager, key);
  }
  // Puts an instance back. One that is not put back, as something was thrown, is read anew.
  void put_back(std::unique_ptr<kept_instance<P>> one) {
    decisions_ += one->told().decisions().size();
    order_.push_front(std::move(one));
    by_key_.insert_or_assign(order_.front()->told().key(), order_.begin());
    while (order_.size() > 1 && (order_.size() > most_instances || decisions_ > most_decisions)) {
      decisions_ -= order_.back()->told().decisions().size();
      by_key_.erase(order_.back()->told().key());
      order_.pop_back();
    }
  }
  void clear() {
    by_key_.clear();
    order_.clear();
    decisions_ = 0;
  }

 private:
  using list_type = std::list<std::unique_ptr<kept_instance<P>>>;
  list_type order_{};  // The instance that was used last comes first.
  std::unordered_map<std::string, typename list_type::iterator> by_key_{};
  std::size_t decisions_ = 0;
};

}  // namespace must::detail::model
