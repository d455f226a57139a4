// SPDX-License-Identifier: MIT
// The members of aggregates, the shape of values in general, and equality by content.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep
#include "must/detail/names.hpp"

#include <concepts>
#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace must::detail {

// Stands for any member of T in T{...}. It does not match an array, so that brace elision takes one for each element.
// It is never called, and is defined because clang instantiates constructors that could be constant.
template <typename T>
struct any_member {
  template <typename Member>
    requires(!std::is_same_v<Member, T>)
  [[noreturn]] operator Member() const {
    __builtin_unreachable();
  }
};

// Stands for what structured bindings cannot take apart: bases and (anonymous) unions. It cannot be copied, for the
// sake of members that can be made from whatever can be copied.
template <typename T>
struct hindrance {
  hindrance(const hindrance&) = delete;
  template <typename Member>
    requires(!std::is_same_v<Member, T> && (std::is_base_of_v<Member, T> || std::is_union_v<Member>))
  [[noreturn]] operator Member() const {
    __builtin_unreachable();
  }
};
template <typename T>
struct stranger {
  stranger(const stranger&) = delete;
};

template <typename Member, std::size_t>
using repeated = Member;

template <typename T, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return requires { T{std::declval<repeated<any_member<T>, I>>()...}; };
}
template <typename T, std::size_t Count>
inline constexpr bool takes_flat = takes<T>(std::make_index_sequence<Count>());

// Returns whether T{before..., one, after...} compiles.
template <typename T, typename One, std::size_t... Before, std::size_t... After>
constexpr bool takes(std::index_sequence<Before...>, std::index_sequence<After...>) {
  return requires {
    T{std::declval<repeated<any_member<T>, Before>>()..., std::declval<One>(),
      std::declval<repeated<any_member<T>, After>>()...};
  };
}
template <typename T, typename One, std::size_t Before, std::size_t After>
inline constexpr bool takes_one = takes<T, One>(std::make_index_sequence<Before>(), std::make_index_sequence<After>());

// Returns whether T{before..., {nested...}, after...} compiles.
template <typename T, std::size_t... Before, std::size_t... Nested, std::size_t... After>
constexpr bool takes(std::index_sequence<Before...>, std::index_sequence<Nested...>, std::index_sequence<After...>) {
  return requires {
    T{std::declval<repeated<any_member<T>, Before>>()...,
      {std::declval<repeated<any_member<T>, Nested>>()...},
      std::declval<repeated<any_member<T>, After>>()...};
  };
}
template <typename T, std::size_t Before, std::size_t Nested, std::size_t After>
inline constexpr bool takes_nested =
    takes<T>(std::make_index_sequence<Before>(), std::make_index_sequence<Nested>(), std::make_index_sequence<After>());

inline constexpr std::size_t most_members = 16;
inline constexpr std::size_t most_elements = 1024;  // This bounds the members and the elements of arrays.
inline constexpr std::size_t not_counted = static_cast<std::size_t>(-1);

// Returns how many members T{...} takes at the most. An array counts once for each element.
template <typename T, std::size_t Low, std::size_t High>
constexpr std::size_t last_taken() {  // It takes Low, but not High.
  if constexpr (High - Low == 1)
    return Low;
  else if constexpr (constexpr auto middle = Low + (High - Low) / 2; takes_flat<T, middle>)
    return last_taken<T, middle, High>();
  else
    return last_taken<T, Low, middle>();
}
template <typename T, std::size_t Count = 0, bool Before = false>
constexpr std::size_t count_flat() {
  constexpr bool taken = takes_flat<T, Count>;
  if constexpr (Before && !taken)
    return Count - 1;
  else if constexpr (Count <= most_members)
    return count_flat<T, Count + 1, taken>();
  else if constexpr (!taken || takes_flat<T, most_elements>)
    return not_counted;
  else
    return last_taken<T, Count, most_elements>();
}

// Returns how many of the flat count the member takes that starts at Before. For an array that is more than one.
template <typename T, std::size_t Before, std::size_t Rest, std::size_t Nested = Rest>
constexpr std::size_t width_of() {
  if constexpr (Nested == Rest && takes_nested<T, Before, 0, Rest - 1>)
    return 1;
  else if constexpr (Nested <= 1)
    return 1;
  else if constexpr (takes_nested<T, Before, Nested, Rest - Nested> &&
                     !takes_nested<T, Before, Nested, Rest - Nested + 1>)
    return Nested;
  else
    return width_of<T, Before, Rest, Nested - 1>();
}
template <typename T, std::size_t Flat, std::size_t Before = 0, std::size_t Count = 0>
constexpr std::size_t count_from() {
  if constexpr (Before == Flat)
    return Count;
  else if constexpr (Count == most_members)
    return not_counted;
  else if constexpr (takes_one<T, hindrance<T>, Before, Flat - Before - 1> &&
                     !takes_one<T, stranger<T>, Before, Flat - Before - 1>)
    return not_counted;
  else
    return count_from<T, Flat, Before + width_of<T, Before, Flat - Before>(), Count + 1>();
}

template <typename T>
constexpr std::size_t count_members() {
  if constexpr (!std::is_class_v<T> || !std::is_aggregate_v<T> || requires { std::tuple_size<T>::value; }) {
    return not_counted;
  } else {
    constexpr auto flat = count_flat<T>();
    if constexpr (flat == not_counted)
      return not_counted;
    else
      return count_from<T, flat>();
  }
}
template <typename T>
inline constexpr std::size_t counted_members = count_members<T>();

// An aggregate of up to 16 members, without bases, unions and reference members.
template <typename T>
inline constexpr bool has_members = counted_members<std::remove_cv_t<T>> != not_counted;

// The number of members. It is also 0 for what has_members refuses.
template <typename T>
inline constexpr std::size_t member_count = has_members<T> ? counted_members<std::remove_cv_t<T>> : 0;

// Returns use(first, second, ...).
template <typename T, typename Use>
  requires has_members<T>
constexpr decltype(auto) for_members(const T& value, Use&& use) {
  static_cast<void>(value);
  if constexpr (member_count<T> == 0) {
    return use();
  } else if constexpr (member_count<T> == 1) {
    const auto& [a] = value;
    return use(a);
  } else if constexpr (member_count<T> == 2) {
    const auto& [a, b] = value;
    return use(a, b);
  } else if constexpr (member_count<T> == 3) {
    const auto& [a, b, c] = value;
    return use(a, b, c);
  } else if constexpr (member_count<T> == 4) {
    const auto& [a, b, c, d] = value;
    return use(a, b, c, d);
  } else if constexpr (member_count<T> == 5) {
    const auto& [a, b, c, d, e] = value;
    return use(a, b, c, d, e);
  } else if constexpr (member_count<T> == 6) {
    const auto& [a, b, c, d, e, f] = value;
    return use(a, b, c, d, e, f);
  } else if constexpr (member_count<T> == 7) {
    const auto& [a, b, c, d, e, f, g] = value;
    return use(a, b, c, d, e, f, g);
  } else if constexpr (member_count<T> == 8) {
    const auto& [a, b, c, d, e, f, g, h] = value;
    return use(a, b, c, d, e, f, g, h);
  } else if constexpr (member_count<T> == 9) {
    const auto& [a, b, c, d, e, f, g, h, i] = value;
    return use(a, b, c, d, e, f, g, h, i);
  } else if constexpr (member_count<T> == 10) {
    const auto& [a, b, c, d, e, f, g, h, i, j] = value;
    return use(a, b, c, d, e, f, g, h, i, j);
  } else if constexpr (member_count<T> == 11) {
    const auto& [a, b, c, d, e, f, g, h, i, j, k] = value;
    return use(a, b, c, d, e, f, g, h, i, j, k);
  } else if constexpr (member_count<T> == 12) {
    const auto& [a, b, c, d, e, f, g, h, i, j, k, l] = value;
    return use(a, b, c, d, e, f, g, h, i, j, k, l);
  } else if constexpr (member_count<T> == 13) {
    const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = value;
    return use(a, b, c, d, e, f, g, h, i, j, k, l, m);
  } else if constexpr (member_count<T> == 14) {
    const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = value;
    return use(a, b, c, d, e, f, g, h, i, j, k, l, m, n);
  } else if constexpr (member_count<T> == 15) {
    const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = value;
    return use(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o);
  } else if constexpr (member_count<T> == 16) {
    const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = value;
    return use(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p);
  }
}

// The kind of a value for code that walks through values.
enum class shape {
  members,   // It is an aggregate.
  optional,  //
  variant,   //
  tuple,     // It is a tuple or a std::pair.
  range,     // It is a range in an order, a std::array, or T[N].
  hashed,    // It is a range without an order.
  other,     //
};

template <typename T>
struct member_list {
  using type = decltype(for_members(std::declval<const T&>(), [](const auto&... member) {
    return list<std::remove_cvref_t<decltype(member)>...>();
  }));
};

// The elements of a range. A range of itself, such as a path or JSON, has none.
template <typename T>
struct element {};
template <typename T, std::size_t Size>
struct element<T[Size]> {
  using type = T;
};
template <typename T>
  requires requires(const T& range) {
    { range.begin() != range.end() } -> std::convertible_to<bool>;
    *range.begin();
  } && (!std::is_same_v<std::remove_cvref_t<decltype(*std::declval<const T&>().begin())>, T>)
struct element<T> {
  using type = std::remove_cvref_t<decltype(*std::declval<const T&>().begin())>;
};

template <typename T, shape Shape, typename... Part>
struct shaped {
  static constexpr shape value = Shape;
  using parts = list<Part...>;
};
template <typename T>
struct shape_of : shaped<T, shape::other> {};
template <typename T>
  requires has_members<T>
struct shape_of<T> {
  static constexpr shape value = shape::members;
  using parts = typename member_list<T>::type;
};
template <typename T>
  requires(!has_members<T>) && requires { typename element<T>::type; }
          struct shape_of<T> : shaped < T,
    requires {
  typename T::hasher;
} ? shape::hashed : shape::range, typename element<T>::type>{};
template <typename Value>
struct shape_of<std::optional<Value>> : shaped<std::optional<Value>, shape::optional, Value> {};
template <typename... Alternative>
struct shape_of<std::variant<Alternative...>> : shaped<std::variant<Alternative...>, shape::variant, Alternative...> {};
template <typename... Element>
struct shape_of<std::tuple<Element...>>
    : shaped<std::tuple<Element...>, shape::tuple, std::remove_cvref_t<Element>...> {};
template <typename First, typename Second>
struct shape_of<std::pair<First, Second>>
    : shaped<std::pair<First, Second>, shape::tuple, std::remove_cvref_t<First>, std::remove_cvref_t<Second>> {};

// Whether Leaf holds for T, or else for each part of it. A type inside itself counts as settled by the outer one.
template <template <typename> typename Leaf, typename T, typename... Outer>
constexpr bool holds_within() {
  if constexpr ((std::is_same_v<T, Outer> || ...) || Leaf<T>::value)
    return true;
  else if constexpr (shape_of<T>::value == shape::other)
    return false;
  else
    return []<typename... Part>(list<Part...>) {
      return (holds_within<Leaf, std::remove_cv_t<Part>, T, Outer...>() && ...);
    }(typename shape_of<T>::parts());
}

// Whether there is an == that, as far as one can see, compiles. That of a container of the standard needs one of its
// elements.
template <typename T, typename... Outer>
constexpr bool has_usable_equal() {
  if constexpr ((std::is_same_v<T, Outer> || ...))
    return true;
  else if constexpr (std::is_array_v<T>)
    return false;
  else if constexpr (!requires(const T& left, const T& right) {
                       { left == right } -> std::convertible_to<bool>;
                     })
    return false;
  else if constexpr (shape_of<T>::value == shape::members)
    return !std::is_convertible_v<const T&, long double>;  // Otherwise the long double may be what is compared.
  else
    return []<typename... Part>(list<Part...>) {
      return (has_usable_equal<std::remove_cv_t<Part>, T, Outer...>() && ...);
    }(typename shape_of<T>::parts());
}
template <typename T>
struct usable_equal : std::bool_constant<has_usable_equal<T>()> {};

template <typename T>
inline constexpr bool is_content_comparable = holds_within<usable_equal, std::remove_cv_t<T>>();

template <typename T>
constexpr bool content_equal(const T& left, const T& right);

template <typename T>
constexpr bool elements_equal(const T& left, const T& right) {
  if constexpr (std::is_array_v<T>) {
    for (std::size_t i = 0; i < std::extent_v<T>; ++i)
      if (!content_equal(left[i], right[i])) return false;
    return true;
  } else {
    auto other = right.begin();
    const auto end = right.end();
    for (const auto& one : left) {
      if (!(other != end) || !content_equal<typename element<T>::type>(one, *other)) return false;
      ++other;
    }
    return !(other != end);
  }
}

template <typename T>
constexpr bool hashed_equal(const T& left, const T& right) {
  if (left.size() != right.size()) return false;
  const auto count = [](const T& range, const auto& wanted) {
    const auto& key = [&]() -> const auto& {
      if constexpr (requires { typename T::mapped_type; })
        return wanted.first;
      else
        return wanted;
    }();
    std::size_t found = 0;
    for (auto [at, end] = range.equal_range(key); at != end; ++at) found += content_equal(*at, wanted);
    return found;
  };
  for (const auto& one : left)
    if (count(left, one) != count(right, one)) return false;
  return true;
}

template <typename T, std::size_t... I>
constexpr bool tuples_equal(const T& left, const T& right, std::index_sequence<I...>) {
  return (content_equal<std::remove_cvref_t<std::tuple_element_t<I, T>>>(std::get<I>(left), std::get<I>(right)) && ...);
}

template <typename T, std::size_t... I>
constexpr bool alternatives_equal(const T& left, const T& right, std::index_sequence<I...>) {
  const auto equal_if = [&](auto index) {
    const auto* one = std::get_if<index()>(&left);
    const auto* other = std::get_if<index()>(&right);
    return one == nullptr || other == nullptr || content_equal(*one, *other);
  };
  return left.index() == right.index() && (equal_if(std::integral_constant<std::size_t, I>()) && ...);
}

// Compares by == where that can be used, and otherwise part by part. Returns false unless is_content_comparable.
template <typename T>
constexpr bool content_equal(const T& left, const T& right) {
  constexpr auto kind = shape_of<T>::value;
  if constexpr (!is_content_comparable<T>) {
    return false;
  } else if constexpr (usable_equal<T>::value) {
    return static_cast<bool>(left == right);
  } else if constexpr (kind == shape::members) {
    return for_members(left, [&](const auto&... one) {
      return for_members(right, [&](const auto&... other) { return (content_equal(one, other) && ...); });
    });
  } else if constexpr (kind == shape::optional) {
    return left.has_value() == right.has_value() && (!left || content_equal(*left, *right));
  } else if constexpr (kind == shape::variant) {
    return alternatives_equal(left, right, std::make_index_sequence<std::variant_size_v<T>>());
  } else if constexpr (kind == shape::tuple) {
    return tuples_equal(left, right, std::make_index_sequence<std::tuple_size_v<T>>());
  } else if constexpr (kind == shape::hashed) {
    return hashed_equal(left, right);
  } else {
    return elements_equal(left, right);
  }
}

}  // namespace must::detail
