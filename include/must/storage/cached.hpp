// SPDX-License-Identifier: MIT
// cached: folded states are kept in process, so that a command on a long stream reads only what is new.
#pragma once

#include "must/error.hpp"
#include "must/process_command/resume.hpp"
#include "must/query.hpp"
#include "must/storage.hpp"
#include "must/storage/abilities.hpp"
#include "must/storage/kit/decorator.hpp"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>

namespace must {

/// A storage that keeps the states of commands and of must::load, so that the next one reads what is new since.
///
/// Decisions are the same as without it: a read brings each state up to date, and conflicts are found as before. A
/// state of another history, of a store that was restored, is thrown away. When there are too many states, the one that
/// was not used for longest is forgotten. States are copied in and out. Any number of threads may use one at once.
template <Storage S>
class cached : public kit::decorator<S> {
  using base = kit::decorator<S>;

 public:
  using typename base::event;
  using caches_states = void;  ///< Tells the folding of states that states are kept.

  /// Keeps the states of a store.
  /// \param storage      the store, which outlives this object
  /// \param most_states  the highest number of states that are kept, 1 or more
  /// \throws bad_input  when `most_states` is 0
  explicit cached(S& storage, std::size_t most_states = 1'000) : base(storage), most_(most_states) {
    if (most_states == 0) raise({.code = error_code::bad_input, .message = "most_states is 0", .field = "most_states"});
  }
  cached(const cached&) = delete;
  cached& operator=(const cached&) = delete;

  /// Appends events to the store. \see Storage
  append_result append(std::span<event> events, const append_condition& condition) {
    return this->storage().append(events, condition);
  }
  /// Returns the number of states that are kept now.
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
  }
  /// Forgets every state.
  void clear() {
    std::list<entry> gone;  // The states are destroyed without the lock.
    const std::lock_guard lock(mutex_);
    entries_.swap(gone);
    by_key_.clear();
  }

  /// Returns the state of a query item, if it is kept. The folding of states calls it.
  template <typename State>
  std::optional<detail::pipeline::folded_state<State>> recall(const query_item& of) {
    const auto known = look_up(key_of<State>(of));
    if (!known) return std::nullopt;
    return *static_cast<const detail::pipeline::folded_state<State>*>(known.get());
  }
  /// Keeps the state of a query item. The folding of states calls it.
  template <typename State>
  void keep(const query_item& of, detail::pipeline::folded_state<State> from) {
    enter(key_of<State>(of), std::make_shared<const detail::pipeline::folded_state<State>>(std::move(from)));
  }

 private:
  struct entry {
    std::string key;
    std::shared_ptr<const void> state;
  };
  template <typename State>
  static inline const char type_tag = 0;

  // The address of the tag tells types of one name apart. A store with another history has other states.
  template <typename State>
  std::string key_of(const query_item& of) const {
    auto key = std::to_string(reinterpret_cast<std::uintptr_t>(&type_tag<State>));
    const auto add = [&](const std::string& text) { ((key += ' ') += std::to_string(text.size()) += ' ') += text; };
    if constexpr (HistoryStorage<S>) add(this->storage().history());
    for (const auto& type : of.types) add(type);
    key += '\n';
    for (const auto& tag : of.tags) add(tag);
    key += '\n';
    if (of.stream) add(*of.stream);
    return key;
  }
  std::shared_ptr<const void> look_up(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->state;
  }
  void enter(std::string key, std::shared_ptr<const void> state) {
    std::list<entry> gone;  // A state is destroyed without the lock.
    const std::lock_guard lock(mutex_);
    const auto found = by_key_.find(key);
    if (found != by_key_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      found->second->state.swap(state);
      return;
    }
    if (entries_.size() == most_) {
      by_key_.erase(entries_.back().key);
      gone.splice(gone.begin(), entries_, std::prev(entries_.end()));
    }
    entries_.push_front({key, std::move(state)});
    by_key_.emplace(std::move(key), entries_.begin());
  }

  std::size_t most_;
  mutable std::mutex mutex_{};
  std::list<entry> entries_{};  // the one that was used last comes first
  std::unordered_map<std::string, typename std::list<entry>::iterator> by_key_{};
};

}  // namespace must
