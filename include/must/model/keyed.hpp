// SPDX-License-Identifier: MIT
// keyed: a state for each key, such as one statement for each account.
#pragma once

#include "must/decision.hpp"
#include "must/event.hpp"
#include "must/record.hpp"

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace must {

namespace detail::model {

template <typename Keys>
struct one_key {
  using type = Keys;
};
template <typename Key>
struct one_key<std::vector<Key>> {
  using type = Key;
};
template <typename V, typename List>
struct key_of_events;
template <typename V, typename First, typename... Rest>
struct key_of_events<V, events<First, Rest...>> {
  using type = typename one_key<std::remove_cvref_t<decltype(V::key_of(std::declval<const First&>()))>>::type;
};

// One apply for each event, which takes what the apply of V takes.
template <typename Keyed, typename V, typename Event>
class keyed_apply {
 public:
  void apply(const Event& event)
    requires(!applies_with_record<V, Event>)
  {
    static_cast<Keyed&>(*this).pass_on(event);
  }
  void apply(const Event& event, const event_record& record)
    requires applies_with_record<V, Event>
  {
    static_cast<Keyed&>(*this).pass_on(event, record);
  }

 private:
  friend Keyed;
  keyed_apply() = default;
};

}  // namespace detail::model

/// A state that holds one state V for each key. It serves must::projection, must::load and commands like any other
/// state.
///
/// V has `static Key key_of(const E&)` for each of its events, and std::hash knows the keys. For an event of several
/// keys or of none, it returns a std::vector<Key>, and the event is applied once to the state of each key.
/// V may have `bool is_forgotten() const`. When it is true after an event, the key and its state are removed. A later
/// event of the key begins a new state.
template <State V, typename Events = typename V::events>
class keyed;

/// The keyed state of a V with these events. \see keyed
template <State V, typename... Event>
class keyed<V, events<Event...>> : public detail::model::keyed_apply<keyed<V>, V, Event>... {
 public:
  /// The events of V.
  using events = must::events<Event...>;
  /// The type of a key, as V::key_of returns it.
  using key_type = typename detail::model::key_of_events<V, events>::type;
  using detail::model::keyed_apply<keyed<V>, V, Event>::apply...;

  /// Returns the state of a key, or nullptr when it has no event or is forgotten.
  [[nodiscard]] const V* find(const key_type& key) const {
    const auto found = states_.find(key);
    return found == states_.end() ? nullptr : &found->second;
  }
  /// Returns the number of keys that have a state.
  [[nodiscard]] std::size_t size() const noexcept { return states_.size(); }

  /// Returns where the pairs of a key and its state begin. Their order is unspecified.
  [[nodiscard]] auto begin() const noexcept { return states_.begin(); }
  /// Returns where the pairs of a key and its state end.
  [[nodiscard]] auto end() const noexcept { return states_.end(); }

 private:
  template <typename, typename, typename>
  friend class detail::model::keyed_apply;
  template <typename E, typename... Record>
  void pass_on(const E& event, const Record&... record) {
    const auto keys = V::key_of(event);
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(keys)>, std::vector<key_type>>) {
      for (auto key = keys.begin(); key != keys.end(); ++key)
        if (std::find(keys.begin(), key, *key) == key) apply_to(*key, event, record...);
    } else {
      apply_to(keys, event, record...);
    }
  }
  // A key whose first event throws has no state.
  template <typename E, typename... Record>
  void apply_to(const key_type& key, const E& event, const Record&... record) {
    const auto [at, is_new] = states_.try_emplace(key);
    try {
      at->second.apply(event, record...);
    } catch (...) {
      if (is_new) states_.erase(at);
      throw;
    }
    if constexpr (requires(const V& state) { state.is_forgotten(); })
      if (at->second.is_forgotten()) states_.erase(at);
  }
  std::unordered_map<key_type, V> states_{};
};

}  // namespace must
