// SPDX-License-Identifier: MIT
// Finds the events in what be_translated_to_events returns: leaf first, then the known wrappers.
#pragma once

#include "must/codec/versions.hpp"
#include "must/detail/names.hpp"
#include "must/event.hpp"
#include "must/process_command/check_event.hpp"

#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace must::detail::pipeline {

template <typename T, template <typename...> typename Template>
inline constexpr bool is_made_of = false;
template <typename... Argument, template <typename...> typename Template>
inline constexpr bool is_made_of<Template<Argument...>, Template> = true;

// Whether T is a range. A range of itself (a JSON value) is none: its elements would never come to an end.
template <typename Range>
concept input_range = requires(Range& range) {
  range.begin() != range.end();
  *range.begin();
  ++std::declval<decltype(range.begin())&>();
  requires !std::is_same_v<std::remove_cvref_t<decltype(*range.begin())>, std::remove_cv_t<Range>>;
};

// Whether T is an event whatever else it is: named by the store, or with a type of its own.
template <typename T, typename Data>
inline constexpr bool is_leaf = coding::holds<T, Data> || has_static_type<T>;

template <typename List, typename T>
struct with_leaf;
template <typename... Leaf, typename T>
struct with_leaf<list<Leaf...>, T> {
  using type = std::conditional_t<(std::is_same_v<Leaf, T> || ...), list<Leaf...>, list<Leaf..., T>>;
};

// The different event types in T, in the order of their first appearance, after those of Found.
template <typename Found, typename T, typename Data>
struct leaves;

template <typename Found, typename Data, typename... T>
struct leaves_of_all {
  using type = Found;
};
template <typename Found, typename Data, typename First, typename... Rest>
struct leaves_of_all<Found, Data, First, Rest...> {
  using type =
      typename leaves_of_all<typename leaves<Found, std::remove_cvref_t<First>, Data>::type, Data, Rest...>::type;
};
template <typename Found, typename Data, typename Wrapper>
struct leaves_of_arguments;
template <typename Found, typename Data, template <typename...> typename Wrapper, typename... Argument>
struct leaves_of_arguments<Found, Data, Wrapper<Argument...>> : leaves_of_all<Found, Data, Argument...> {};

template <typename T>
inline constexpr bool wraps = is_made_of<T, std::optional> || is_made_of<T, std::variant> ||
                              is_made_of<T, std::tuple> || is_made_of<T, std::pair>;

template <typename Found, typename T, typename Data>
struct leaves : with_leaf<Found, T> {};
template <typename Found, typename Data>
struct leaves<Found, std::monostate, Data> {
  using type = Found;
};
template <typename Found, typename T, typename Data>
  requires(!is_leaf<T, Data> && wraps<T>)
struct leaves<Found, T, Data> : leaves_of_arguments<Found, Data, T> {};
template <typename Found, typename T, typename Data>
  requires(!is_leaf<T, Data> && !wraps<T> && input_range<T>)
struct leaves<Found, T, Data> : leaves<Found, std::remove_cvref_t<decltype(*std::declval<T&>().begin())>, Data> {};

// Calls `use(event)` for each event in a value, in order. The value is traversed once.
template <typename Data, typename T, typename Use>
void for_events(T&& value, Use&& use) {
  using plain = std::remove_cvref_t<T>;
  if constexpr (std::is_same_v<plain, std::monostate>) {
  } else if constexpr (is_leaf<plain, Data>) {
    use(std::forward<T>(value));
  } else if constexpr (is_made_of<plain, std::optional>) {
    if (value) for_events<Data>(*std::forward<T>(value), use);
  } else if constexpr (is_made_of<plain, std::variant>) {
    std::visit([&](auto&& held) { for_events<Data>(std::forward<decltype(held)>(held), use); }, std::forward<T>(value));
  } else if constexpr (is_made_of<plain, std::tuple> || is_made_of<plain, std::pair>) {
    std::apply([&](auto&&... each) { (for_events<Data>(std::forward<decltype(each)>(each), use), ...); },
               std::forward<T>(value));
  } else if constexpr (input_range<plain>) {
    auto&& range = value;
    for (auto&& element : range) for_events<Data>(std::forward<decltype(element)>(element), use);
  } else {
    use(std::forward<T>(value));
  }
}

// The type that processed keeps the events in: their own when there is only one, else a variant.
template <typename Leaves>
struct events_holder;
template <typename Leaf>
struct events_holder<list<Leaf>> {
  using type = Leaf;
};
template <typename... Leaf>
struct events_holder<list<Leaf...>> {
  using type = std::variant<Leaf...>;
};
template <>
struct events_holder<list<>> {
  using type = std::monostate;
};

template <typename Event, typename Data>
consteval bool diagnose_translated() {
  static_assert(std::is_class_v<Event>,
                "must: be_translated_to_events returns something that is no event: an event is a class");
  if constexpr (std::is_class_v<Event>)
    return diagnose_event<Event, Data>();
  else
    return false;
}

template <typename Events, typename Data>
inline constexpr bool are_good = true;
template <typename Event, typename Data>
inline constexpr bool are_good<list<Event>, Data> = diagnose_translated<Event, Data>();
template <typename Event, typename... Other, typename Data>
  requires(sizeof...(Other) > 0)
inline constexpr bool are_good<list<Event, Other...>, Data> =
    are_good<list<Event>, Data> & (are_good<list<Other>, Data> & ...);

}  // namespace must::detail::pipeline
