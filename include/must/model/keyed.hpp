// SPDX-License-Identifier: MIT
// keyed: a state for each key, such as one statement for each account.
#pragma once

#include "must/decision.hpp"
#include "must/event.hpp"

#include <cstddef>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace must {

namespace detail::model {

template <typename V, typename List>
struct key_of_events;
template <typename V, typename First, typename... Rest>
struct key_of_events<V, events<First, Rest...>> {
  using type = std::remove_cvref_t<decltype(V::key_of(std::declval<const First&>()))>;
};

// One apply for each event.
template <typename Keyed, typename Event>
class keyed_apply {
 public:
  void apply(const Event& event) { static_cast<Keyed&>(*this).state_for(event).apply(event); }

 private:
  friend Keyed;
  keyed_apply() = default;
};

}  // namespace detail::model

/// One V for each key. V has, for each of its events, `static Key key_of(const Event&)`; std::hash knows the keys.
/// A state itself: for must::projection, must::load, or a command.
template <State V, typename Events = typename V::events>
class keyed;

/// \see keyed
template <State V, typename... Event>
class keyed<V, events<Event...>> : public detail::model::keyed_apply<keyed<V>, Event>... {
 public:
  using events = must::events<Event...>;                                    ///< those of V
  using key_type = typename detail::model::key_of_events<V, events>::type;  ///< what V::key_of returns
  using detail::model::keyed_apply<keyed<V>, Event>::apply...;

  /// The state of a key; nullptr when it has no event.
  [[nodiscard]] const V* find(const key_type& key) const {
    const auto found = states_.find(key);
    return found == states_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] std::size_t size() const noexcept { return states_.size(); }  ///< how many keys have an event

  /// Pairs of a key and its state, in no order.
  [[nodiscard]] auto begin() const noexcept { return states_.begin(); }
  [[nodiscard]] auto end() const noexcept { return states_.end(); }  ///< their end

 private:
  template <typename, typename>
  friend class detail::model::keyed_apply;
  template <typename E>
  V& state_for(const E& event) {
    return states_[V::key_of(event)];
  }
  std::unordered_map<key_type, V> states_{};
};

}  // namespace must
