// SPDX-License-Identifier: MIT
// Tells whether a class has a member of one of the names that `must` gives a meaning, whatever the member is.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <type_traits>

namespace must::detail {

template <typename... Types>
struct list {};

struct every_name {
  int be_authorized, be_valid, be_translated_to_events, be_handled, depends_on, command_id, command_digest;
  int apply, made_for, stream, tags, type, partition_key;
};

// Members that are private, or overloaded and do not fit, cannot be seen of a class that nothing derives from.
template <typename Class>
inline constexpr bool can_be_a_base = !std::is_final_v<Class> && !std::is_union_v<Class>;

// A name that Class has too is ambiguous here, so taking its address does not compile.
template <typename Class>
struct with_every_name : Class, every_name {};

template <typename Class>
concept base_class = std::is_class_v<Class> && can_be_a_base<Class>;

#define MUST_DETAIL_HAS_NAME(NAME)                                                                                   \
  template <typename Class>                                                                                          \
  inline constexpr bool has_##NAME = requires { &Class::NAME; } || requires(const Class& object) { object.NAME(); }; \
  template <base_class Class>                                                                                        \
  inline constexpr bool has_##NAME<Class> = !requires { &with_every_name<Class>::NAME; };
MUST_DETAIL_HAS_NAME(be_authorized)
MUST_DETAIL_HAS_NAME(be_valid)
MUST_DETAIL_HAS_NAME(be_translated_to_events)
MUST_DETAIL_HAS_NAME(be_handled)
MUST_DETAIL_HAS_NAME(depends_on)
MUST_DETAIL_HAS_NAME(command_id)
MUST_DETAIL_HAS_NAME(command_digest)
MUST_DETAIL_HAS_NAME(apply)
MUST_DETAIL_HAS_NAME(made_for)
MUST_DETAIL_HAS_NAME(stream)
MUST_DETAIL_HAS_NAME(tags)
MUST_DETAIL_HAS_NAME(type)
MUST_DETAIL_HAS_NAME(partition_key)
#undef MUST_DETAIL_HAS_NAME

}  // namespace must::detail
