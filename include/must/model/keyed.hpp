// SPDX-License-Identifier: MIT
// keyed: a state for each key, such as one statement for each account.
#pragma once

#include "must/decision.hpp"
#include "must/event.hpp"
#include "must/record.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
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
template <typename V, typename Event>
using key_of_event = typename one_key<std::remove_cvref_t<decltype(V::key_of(std::declval<const Event&>()))>>::type;

template <typename V, typename Event>
concept has_key_of = requires { typename key_of_event<V, Event>; };
template <typename Key>
concept hashable = requires(const Key& key) { std::hash<Key>{}(key); };

// The type of the keys. It is some type where key_of is not what it should be.
template <typename V, typename List>
struct key_of_events {
  using type = int;
};
template <typename V, typename First, typename... Rest>
  requires(has_key_of<V, First> && ... && has_key_of<V, Rest>)
struct key_of_events<V, events<First, Rest...>> {
  using type = key_of_event<V, First>;
};

template <typename V, typename... Event>
constexpr bool diagnose_keyed(events<Event...> all) {
  constexpr bool has_all = sizeof...(Event) > 0 && (has_key_of<V, Event> && ...);
  static_assert(has_all,
                "must: the state of keyed<> has no key_of for one of its events: add static Key key_of(const Event&)");
  if constexpr (has_all) {
    using key = typename key_of_events<V, decltype(all)>::type;
    constexpr bool is_one = (std::is_same_v<key, key_of_event<V, Event>> && ...);
    static_assert(is_one, "must: key_of of the state of keyed<> returns another type of key for one of its events");
    static_assert(hashable<key>, "must: std::hash does not know the keys of keyed<>: specialise it");
    return is_one && hashable<key> && diagnose_made_for<V, key>();
  }
  return false;
}

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
/// event of the key begins a new state. V may have `void made_for(const Key&)`, which tells a new state its key.
template <State V, typename Events = typename V::events>
class keyed;

/// The keyed state of a V with these events. \see keyed
template <State V, typename... Event>
class keyed<V, events<Event...>> : public detail::model::keyed_apply<keyed<V>, V, Event>... {
  static_assert(detail::model::diagnose_keyed<V>(must::events<Event...>{}));

 public:
  /// The events of V.
  using events = must::events<Event...>;
  /// The type of a key, as V::key_of returns it.
  using key_type = typename detail::model::key_of_events<V, events>::type;
  using detail::model::keyed_apply<keyed<V>, V, Event>::apply...;

  /// Returns the state of a key, or nullptr when it has no event or is forgotten. It takes constant time on average.
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
      if (is_new) detail::tell_key(at->second, key);
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
