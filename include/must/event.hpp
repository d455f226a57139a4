// SPDX-License-Identifier: MIT
// Event: what a struct needs to be an event, its names, its versions, and lists of events.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep
#include "must/detail/names.hpp"

#include <concepts>
#include <cstddef>
#include <type_traits>

namespace must {

/// A text that lives as long as the program. It converts to std::string_view.
class type_name {
 public:
  constexpr type_name() = default;
  /// Makes a text of `size` characters that live as long as the program.
  constexpr type_name(const char* data, std::size_t size) : data_(data), size_(size) {}
  [[nodiscard]] constexpr const char* data() const { return data_; }  ///< The text, without a NUL at its end.
  [[nodiscard]] constexpr std::size_t size() const { return size_; }  ///< The size of the text in bytes.

  /// Converts the text to a std::string_view, whose header is not included here.
  template <typename View>
    requires requires(View view, const char* data) {
      view.remove_prefix(1);
      View(data, 1);
    }
  constexpr operator View() const {
    return View(data_, size_);
  }
  friend constexpr bool operator==(type_name left, type_name right) {
    if (left.size_ != right.size_) return false;
    for (std::size_t i = 0; i < left.size_; ++i)
      if (left.data_[i] != right.data_[i]) return false;
    return true;
  }

 private:
  const char* data_ = "";
  std::size_t size_ = 0;
};

/// The events that a state is folded from, or that a store knows: `using events = must::events<Opened, Deposited>;`. No
/// two of them share a name, a former one included.
template <typename... Event>
struct events {};

namespace detail {

template <typename Text>
concept text_like = std::convertible_to<Text, const char*> || requires(const Text& text) {
  { text.data() } -> std::convertible_to<const char*>;
  { text.size() } -> std::convertible_to<std::size_t>;
};

template <typename Range>
concept texts_like = requires(const Range& range) {
  { *range.begin() } -> text_like;
  range.begin() != range.end();
} || (std::is_bounded_array_v<Range> && text_like<std::remove_extent_t<Range>>);

template <typename Text>
constexpr type_name to_type_name(const Text& text) {
  if constexpr (requires { text.size(); }) {
    return {text.data(), text.size()};
  } else {
    std::size_t size = 0;
    while (text[size] != '\0') ++size;
    return {text, size};
  }
}

template <typename Event>
constexpr type_name spelled_name() {
  constexpr type_name function{__PRETTY_FUNCTION__, sizeof(__PRETTY_FUNCTION__) - 1};
  // GCC: "... [with Event = a::Name]", clang: "... [Event = a::Name]"
  constexpr const char* data = function.data();
  std::size_t end = function.size() - 1;
  std::size_t begin = end;
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  while (begin > 0 && plain(data[begin - 1])) --begin;
  const bool after_scope_or_start = begin > 1 && (data[begin - 1] == ':' || data[begin - 1] == ' ');
  if (begin == end || !after_scope_or_start) return {};
  return {data + begin, end - begin};
}

template <typename Event>
concept has_static_type = requires {
  { Event::type } -> text_like;
} && !std::is_member_object_pointer_v<decltype(&Event::type)>;

// A nested type of that name says nothing of an event.
template <typename Event>
concept type_fits = !has_type<Event> || has_static_type<Event> || requires { typename Event::type; };

template <typename Event>
constexpr type_name own_name() {
  if constexpr (has_static_type<Event>)
    return to_type_name(Event::type);
  else
    return spelled_name<Event>();
}

// Each walk stops at a type that stands in the chain already. That is a cycle, which check_versions diagnoses.
template <typename Event, typename... Newer>
struct version_chain {
  using type = list<Newer..., Event>;
  static constexpr bool cyclic = false;
  static constexpr bool complete = true;
};
template <typename Event, typename... Newer>
  requires requires { typename Event::previous; }
struct version_chain<Event, Newer...> {
  using previous = typename Event::previous;
  static constexpr bool repeats = std::is_same_v<previous, Event> || (std::is_same_v<previous, Newer> || ...);
  using rest = std::conditional_t<repeats, version_chain<void, Newer...>, version_chain<previous, Newer..., Event>>;
  using type = typename rest::type;
  static constexpr bool cyclic = repeats || rest::cyclic;
  static constexpr bool complete = std::is_constructible_v<Event, const previous&> && rest::complete;
};

// Lists Event, its previous version, the one before that, and so on.
template <typename Event>
using versions_of = typename version_chain<Event>::type;

template <typename Event>
constexpr int schema_version_of() {
  if constexpr (requires {
                  { Event::schema_version } -> std::convertible_to<int>;
                })
    return Event::schema_version;
  else if constexpr (requires { typename Event::previous; })
    return schema_version_of<typename Event::previous>() + 1;
  else
    return 1;
}

// Calls `use(name)` for the current and each former name of one version.
template <typename Event, typename Use>
constexpr void for_own_names(Use&& use) {
  use(own_name<Event>());
  if constexpr (requires {
                  { Event::former_types } -> text_like;
                })
    use(to_type_name(Event::former_types));
  else if constexpr (requires { Event::former_types; })
    for (const auto& name : Event::former_types) use(to_type_name(name));
}

template <typename... Version, typename Use>
constexpr void for_names(list<Version...>, Use&& use) {
  (for_own_names<Version>(use), ...);
}

template <typename Event>
constexpr bool is_named(type_name name) {
  bool found = false;
  for_own_names<Event>([&](type_name own) { found = found || own == name; });
  return found;
}

template <typename... Version>
constexpr bool any_is_named(list<Version...>, type_name name) {
  return (is_named<Version>(name) || ...);
}

template <typename Event, typename... Other>
constexpr bool shares_no_name() {
  bool shared = false;
  for_names(versions_of<Event>{},
            [&](type_name name) { shared = shared || (any_is_named(versions_of<Other>{}, name) || ...); });
  return !shared;
}

// Versions of one event that share a name are told apart by their schema versions.
template <typename Newer, typename Older>
constexpr bool is_told_from() {
  bool shares_name = false;
  for_own_names<Newer>([&](type_name name) { shares_name = shares_name || is_named<Older>(name); });
  return !shares_name || schema_version_of<Newer>() != schema_version_of<Older>();
}
template <typename Newest, typename... Older>
constexpr bool versions_differ(list<Newest, Older...>) {
  if constexpr (sizeof...(Older) == 0)
    return true;
  else
    return (is_told_from<Newest, Older>() && ...) && versions_differ(list<Older...>{});
}

template <typename Event>
constexpr bool check_versions() {
  static_assert(!version_chain<Event>::cyclic, "must: the previous versions of this event form a cycle");
  static_assert(version_chain<Event>::cyclic || version_chain<Event>::complete,
                "must: a version of this event cannot be made from its previous one: add a constructor that takes it");
  if constexpr (version_chain<Event>::cyclic || !version_chain<Event>::complete) {
    return false;
  } else {
    static_assert(
        versions_differ(versions_of<Event>{}),
        "must: two versions of this event share a name and a schema version: give one a schema_version of its own");
    return versions_differ(versions_of<Event>{});
  }
}

// Returns whether no two names are equal, of whichever version. Then events need not be looked at in pairs, which costs
// a template each.
template <typename Event>
constexpr std::size_t count_names() {
  std::size_t count = 0;
  for_names(versions_of<Event>{}, [&](type_name) { ++count; });
  return count;
}
template <typename... Event>
constexpr bool all_names_differ() {
  type_name names[(count_names<Event>() + ... + 1)];
  std::size_t count = 0;
  [[maybe_unused]] const auto add = [&](type_name name) { names[count++] = name; };
  (for_names(versions_of<Event>{}, add), ...);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (names[i] == names[j]) return false;
  return true;
}

// Each event of a list has names of its own, former and previous ones included.
constexpr bool pairs_share_no_name(events<>) { return true; }
template <typename First, typename... Rest>
constexpr bool pairs_share_no_name(events<First, Rest...>) {
  return (shares_no_name<First, Rest>() && ...) && pairs_share_no_name(events<Rest...>{});
}
template <typename... Event>
constexpr bool names_are_unique(events<Event...> all) {
  if constexpr (all_names_differ<Event...>())
    return true;
  else
    return pairs_share_no_name(all);
}

// Checks the same for a store, which may hold the versions of one event beside each other.
template <typename Event, typename... Version>
constexpr bool is_any_of(list<Version...>) {
  return (std::is_same_v<Event, Version> || ...);
}
template <typename Event, typename Other>
constexpr bool is_told_apart() {
  return !std::is_same_v<Event, Other> && (is_any_of<Event>(versions_of<Other>{}) ||
                                           is_any_of<Other>(versions_of<Event>{}) || shares_no_name<Event, Other>());
}
constexpr bool pairs_are_told_apart(events<>) { return true; }
template <typename First, typename... Rest>
constexpr bool pairs_are_told_apart(events<First, Rest...>) {
  return (is_told_apart<First, Rest>() && ...) && pairs_are_told_apart(events<Rest...>{});
}
template <typename... Event>
constexpr bool names_are_told_apart(events<Event...> all) {
  if constexpr (all_names_differ<Event...>())
    return true;
  else
    return pairs_are_told_apart(all);
}

template <typename Event>
concept stream_is_data = requires(const Event& event) {
  { event.stream } -> text_like;
};
template <typename Event>
concept stream_is_function = requires(const Event& event) {
  { event.stream() } -> text_like;
};
template <typename Event>
concept tags_are_data = requires(const Event& event) {
  { event.tags } -> texts_like;
} || requires(const Event& event) { requires texts_like<std::remove_cvref_t<decltype(event.tags)>>; };
template <typename Event>
concept tags_are_function =
    requires(const Event& event) { requires texts_like<std::remove_cvref_t<decltype(event.tags())>>; };

template <typename Event>
concept partition_key_is_data = requires(const Event& event) {
  { event.partition_key } -> text_like;
};
template <typename Event>
concept partition_key_is_function = requires(const Event& event) {
  { event.partition_key() } -> text_like;
};

template <typename Event>
concept partition_key_fits =
    !has_partition_key<Event> || partition_key_is_data<Event> || partition_key_is_function<Event>;
template <typename Event>
concept stream_fits = !has_stream<Event> || stream_is_data<Event> || stream_is_function<Event>;
template <typename Event>
concept tags_fit = !has_tags<Event> || tags_are_data<Event> || tags_are_function<Event>;

}  // namespace detail

/// Returns the name under which events of this type are stored: `Event::type`, or else the unqualified name of the
/// type.
///
/// A type without a plain name (a template, a lambda, an unnamed struct) needs `static constexpr auto type = "...";`.
/// Every event of a durable store needs that, too. Without it, events that are stored would be lost to a struct that is
/// renamed, and structs of the same name in two namespaces would be one event.
template <typename Event>
[[nodiscard]] constexpr type_name event_type() {
  constexpr auto name = detail::own_name<Event>();
  static_assert(name.size() > 0, "must: this event has no plain name: add static constexpr auto type = \"...\";");
  return name;
}

/// The schema version of an event. It is `Event::schema_version`, or else one more than that of the previous version of
/// the event, or else 1.
template <typename Event>
inline constexpr int schema_version = detail::schema_version_of<Event>();

/// An event is a copyable class with a name: see event_type. Stores that keep bytes also need a codec of it. It may
/// have these members:
/// - `stream`, the text that names its stream, and `tags`, a range of texts by which queries select it, each as a data
///   member or a const function
/// - `partition_key`, a text as a data member or a const function. Events of one key are handled in order, one after
///   the other. It is recorded as the extension "partitionkey", and is no part of the content of the event.
/// - `be_handled(options...)`, which is called after the event is stored: see must::be_handled.
/// - `static constexpr former_types`, a name or an array of names under which earlier releases have stored the event.
/// - `using previous = ...`, the type of its previous version, with a constructor that takes one.
/// - `schema_version`, the number of this version.
template <typename E>
concept Event =
    std::is_class_v<E> && std::copy_constructible<E> && detail::type_fits<E> && (detail::own_name<E>().size() > 0) &&
    detail::stream_fits<E> && detail::tags_fit<E> && detail::partition_key_fits<E>;

}  // namespace must
