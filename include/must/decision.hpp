// SPDX-License-Identifier: MIT
// What a command depends on: states, and the boundaries of the events that they are folded from.
#pragma once

#include "must/command.hpp"
#include "must/detail/names.hpp"
#include "must/error.hpp"
#include "must/event.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/stream_version.hpp"

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace must {

namespace detail {

// This converts to an event only, so that an apply which takes something made from one does not pass for it.
template <typename Event>
struct event_probe {
  operator const Event&() const;
};

template <typename S, typename Event>
concept applies_alone = requires(S& state, const Event& event, const event_probe<Event>& probe) {
  state.apply(event);
  state.apply(probe);
};
template <typename S, typename Event>
concept applies_with_record =
    requires(S& state, const Event& event, const event_probe<Event>& probe, const event_record& record) {
      state.apply(event, record);
      state.apply(probe, record);
    };
template <typename S, typename Event>
concept applies = applies_alone<S, Event> || applies_with_record<S, Event>;

// Applies an event, with its record where the state takes that.
template <typename S, typename Event>
void apply_event(S& state, const Event& event, const event_record& record) {
  if constexpr (applies_with_record<S, Event>)
    state.apply(event, record);
  else
    state.apply(event);
}

// Tells a state the key that it is made for, if it wants to know.
template <typename S, typename Key>
constexpr bool diagnose_made_for() {
  constexpr bool good = !has_made_for<S> || requires(S& state, const Key& key) { state.made_for(key); };
  static_assert(
      good,
      "must: made_for of the state does not take its key: make it void made_for(const std::string&), and of the "
      "state of keyed<> void made_for(const Key&)");
  return good;
}
template <typename S, typename Key>
void tell_key(S& state, const Key& key) {
  if constexpr (has_made_for<S> && diagnose_made_for<S, Key>()) state.made_for(key);
}

template <typename S, typename List>
inline constexpr bool applies_all = false;
template <typename S, typename... Event>
inline constexpr bool applies_all<S, events<Event...>> = (applies<S, Event> && ...);

template <typename S, typename Event>
constexpr bool diagnose_apply() {
  constexpr bool good = applies<S, Event>;
  static_assert(good,
                "must: the state has no apply for one of its events: add void apply(const Event&), or void "
                "apply(const Event&, const must::event_record&)");
  return check_versions<Event>() && good;
}
template <typename S, typename... Event>
constexpr bool diagnose_state(events<Event...> listed) {
  static_assert(names_are_unique(listed),
                "must: two events of this list share a name, a former or a previous one included");
  return names_are_unique(listed) && (diagnose_apply<S, Event>() && ...);
}

}  // namespace detail

/// A state is a copyable value that is folded from events: it starts default-constructed, and each event changes it.
///
/// It has `using events = must::events<A, B>;`, and for each of these events a member `void apply(const A&)`, or
/// `void apply(const A&, const must::event_record&)` for the time, the metadata or the position of the event. apply has
/// no side effects and may run many times.
///
/// It may have `void made_for(const std::string& key)`, which tells it the name of its stream, or else its one tag. It
/// is called before the first event, and again on a state that was read from a snapshot. \see keyed
///
/// It may have a codec and `static constexpr int snapshot_every`. A CellStorage then keeps a snapshot of it after so
/// many events, 1 or more, and the next read begins there. `static constexpr int schema_version` is raised when apply
/// makes another state of the same events.
template <typename S>
concept State = std::default_initializable<S> && std::copy_constructible<S> && requires { typename S::events; } &&
                detail::applies_all<S, typename S::events>;

namespace detail {

// A boundary whose types are complete: it leaves out no name of any event in it.
struct whole_item {
  query_item item{};
};
template <typename S>
whole_item completed(query_item item) {
  if constexpr (requires { typename S::events; })
    if (!item.types.empty()) complete_names(item.types, names_of_each(typename S::events{}));
  return {std::move(item)};
}
template <typename S>
query_item item_of_types() {
  query_item item;
  if constexpr (requires { typename S::events; }) item.types = all_names(typename S::events{});
  return item;
}

template <typename S>
constexpr bool check_state() {
  static_assert(requires { typename S::events; }, "must: a state names its events: using events = must::events<...>;");
  static_assert(std::default_initializable<S>, "must: a state is default-constructible");
  static_assert(diagnose_made_for<S, std::string>());
  if constexpr (requires { typename S::events; }) return diagnose_state<S>(typename S::events{});
  return true;
}

}  // namespace detail

/// A state of type S, and the boundary whose events it is folded from. must::stream, must::tagged and must::every make
/// it.
template <typename S>
class dependency {
  static_assert(detail::check_state<S>());

 public:
  using state_type = S;  ///< The type of the state.

  /// Makes a boundary that must::stream, must::tagged and must::every do not make. An event of S that has one of its
  /// names in `item.types` is selected by all of its names: the current, the former, and those of previous versions.
  /// \throws bad_input  when S has made_for, and the boundary names neither a stream nor exactly one tag
  explicit dependency(query_item item) : dependency(detail::completed<S>(std::move(item))) {}
  /// Makes a dependency on a boundary that names every type in full. must::tagged and must::every call it.
  explicit dependency(detail::whole_item whole) : item_(std::move(whole.item)) {
    if constexpr (detail::has_made_for<S>)
      if (key() == nullptr)
        raise({.code = error_code::bad_input,
               .message = "a state that has made_for needs a boundary with one key: a stream, or exactly one tag",
               .field = "depends_on"});
  }

  /// Expects that the last event of the stream has exactly this version. 0 expects that there is no such stream yet.
  ///
  /// When the stream is at another version, the command fails with version_conflict, and is not tried again. It fails
  /// with bad_input when the boundary names no stream.
  [[nodiscard]] dependency at_version(version expected) && {
    expected_ = expected;
    return std::move(*this);
  }
  /// Does not compile: any other number, such as a position, is no version.
  template <detail::OtherNumber Number>
  [[nodiscard]] dependency at_version(Number) && {
    detail::refuse_as_version<Number>();
    return std::move(*this);
  }
  /// Returns the boundary.
  [[nodiscard]] const query_item& item() const noexcept { return item_; }
  /// Returns the key that the state is made for: the name of the stream, or else the only tag. It is nullptr when the
  /// boundary names neither.
  [[nodiscard]] const std::string* key() const noexcept {
    return item_.stream ? &*item_.stream : item_.tags.size() == 1 ? &item_.tags.front() : nullptr;
  }
  /// Returns the version that at_version expects, if it was called.
  [[nodiscard]] std::optional<version> expected_version() const noexcept { return expected_; }

 private:
  query_item item_;
  std::optional<version> expected_{};
};

/// Several states of one type. The rules get them as a std::vector<S>. must::each makes it.
template <typename S>
struct dependency_list {
  std::vector<dependency<S>> each{};  ///< The dependencies, in the order of their states.
};

/// Several dependencies. The rules get a state for each, in this order. must::all_of makes it.
template <typename... Dependency>
struct dependencies {
  std::tuple<Dependency...> all{};  ///< The dependencies, in the order of their states.
};

/// Makes the dependency on the state of one stream, which is the boundary of an aggregate.
///
/// Every event that is appended to the stream between the read and the append is a conflict, also an event that S does
/// not name.
/// \param id  the name of the stream. A read throws bad_input when it is not 1 to 512 bytes of UTF-8 without NUL.
template <typename S>
[[nodiscard]] dependency<S> stream(std::string_view id) {
  return dependency<S>({.stream = std::string(id)});
}

/// Makes the dependency on the state of the events of the types of S that have all of these tags, in any stream.
/// \param tags  the tags. A read throws bad_input when one is not 1 to 512 bytes of UTF-8 without NUL.
/// \see dcb.events, specification, "Query"
template <typename S, typename... Tag>
  requires(sizeof...(Tag) > 0) && (std::convertible_to<const Tag&, std::string_view> && ...)
[[nodiscard]] dependency<S> tagged(const Tag&... tags) {
  if constexpr (requires { typename S::events; })
    static_assert(
        !std::is_same_v<typename S::events, events<>>,
        "must: tagged needs a state with events: without their types it would mean every event with these tags");
  static_assert(!detail::has_made_for<S> || sizeof...(Tag) == 1,
                "must: the state has made_for, and several tags are no key: give it one tag");
  auto item = detail::item_of_types<S>();
  (item.tags.emplace_back(std::string_view(tags)), ...);
  return dependency<S>(detail::whole_item{std::move(item)});
}

/// Makes the dependency on the state of all events of the types of S, for a rule about the whole store.
///
/// The types are selected by every name under which they may be stored. Every event of these types that is appended
/// between the read and the append is a conflict, so that commands which depend on it run one after the other.
template <typename S>
[[nodiscard]] dependency<S> every() {
  if constexpr (requires { typename S::events; })
    static_assert(!std::is_same_v<typename S::events, events<>>,
                  "must: every needs a state with events: without their types it would mean every event of the store");
  static_assert(!detail::has_made_for<S>,
                "must: the state has made_for, and every names no key: give it a stream or a tag, or use keyed<>");
  return dependency<S>(detail::whole_item{detail::item_of_types<S>()});
}

/// Joins several dependencies, which are read together. Each may be made by must::stream, must::tagged, must::every,
/// must::each or must::all_of. It may also be a std::optional of what the first three make.
template <typename... Dependency>
[[nodiscard]] dependencies<Dependency...> all_of(Dependency... dependency) {
  return {std::tuple<Dependency...>(std::move(dependency)...)};
}

/// Makes a dependency on one state for each element of a range. The elements are names of streams, or dependencies on
/// S.
template <typename S, typename Range>
[[nodiscard]] dependency_list<S> each(const Range& range) {
  dependency_list<S> made;
  for (const auto& element : range) {
    if constexpr (std::convertible_to<decltype(element), std::string_view>)
      made.each.push_back(stream<S>(element));
    else
      made.each.push_back(element);
  }
  return made;
}

namespace detail {

template <typename S>
struct states_of_dependencies<dependency<S>> {
  using type = list<S>;
};
template <typename S>
struct states_of_dependencies<std::optional<dependency<S>>> {
  using type = list<std::optional<S>>;
};
template <typename S>
struct states_of_dependencies<dependency_list<S>> {
  using type = list<std::vector<S>>;
};
template <typename... Left, typename... Right, typename... More>
constexpr auto joined(list<Left...>, list<Right...>, More... more) {
  return joined(list<Left..., Right...>{}, more...);
}
template <typename... Left>
constexpr auto joined(list<Left...> all) {
  return all;
}
template <typename... Dependency>
struct states_of_dependencies<dependencies<Dependency...>> {
  using type = decltype(joined(list<>{}, typename states_of_dependencies<Dependency>::type{}...));
};

template <typename S>
inline constexpr bool is_dependency<dependency<S>> = true;
template <typename S>
inline constexpr bool is_dependency<std::optional<dependency<S>>> = true;
template <typename S>
inline constexpr bool is_dependency<dependency_list<S>> = true;
template <typename... Dependency>
inline constexpr bool is_dependency<dependencies<Dependency...>> = (is_dependency<Dependency> && ...);

}  // namespace detail
}  // namespace must
