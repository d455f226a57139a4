// SPDX-License-Identifier: MIT
// given(events...).when(command, options...).then(events...): a command tested without a store.
#pragma once

#include "must/codec/versions.hpp"
#include "must/detail/members.hpp"
#include "must/detail/names.hpp"
#include "must/error.hpp"
#include "must/event.hpp"
#include "must/one_of.hpp"
#include "must/process_command/process.hpp"
#include "must/process_command/settings.hpp"
#include "must/process_command/told.hpp"
#include "must/process_command/translate.hpp"
#include "must/processed.hpp"
#include "must/testing/assertion_failed.hpp"
#include "must/testing/given/happened.hpp"
#include "must/testing/print.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace must::testing {

namespace detail {

template <typename Exception>
constexpr error_code code_of() {
  if constexpr (std::is_same_v<Exception, unauthorized>)
    return error_code::unauthorized;
  else if constexpr (std::is_same_v<Exception, invalid>)
    return error_code::invalid;
  else {
    static_assert(std::is_same_v<Exception, version_conflict>,
                  "must: a command is refused as unauthorized, invalid or version_conflict");
    return error_code::version_conflict;
  }
}

inline bool is_refusal(error_code code) {
  return code == error_code::unauthorized || code == error_code::invalid || code == error_code::version_conflict;
}

inline std::string describe(const error& refusal) {
  return std::string(name_of(refusal.code)) + " \"" + refusal.message + "\"" +
         (refusal.rule.empty() ? "" : " (" + std::string(refusal.rule) + ")");
}

// The one_of of these events, each type once. Where nothing has happened, it is one_of something else.
template <typename Found, typename... Event>
struct one_of_all;
template <>
struct one_of_all<must::detail::list<>> {
  using type = one_of<std::monostate>;
};
template <typename... Found>
struct one_of_all<must::detail::list<Found...>> {
  using type = one_of<Found...>;
};
template <typename Found, typename First, typename... Rest>
struct one_of_all<Found, First, Rest...>
    : one_of_all<typename must::detail::pipeline::with_leaf<Found, First>::type, Rest...> {};

// The data of events that have happened, and of those that a command comes to.
template <typename Translated, typename... Event>
struct data_with;
template <typename... Translated, typename... Event>
struct data_with<must::detail::list<Translated...>, Event...>
    : one_of_all<must::detail::list<>, Event..., Translated...> {};

// The types of the events that a command comes to, which are none where it comes to no events.
template <typename Held>
struct types_translated : must::detail::pipeline::types_held<Held> {};
template <>
struct types_translated<std::monostate> {
  using type = must::detail::list<>;
};

}  // namespace detail

/// What a command came to: its events, or its refusal.
template <typename Held>
class [[nodiscard]] outcome {
 public:
  /// Holds what a command came to. history::when calls it.
  outcome(std::vector<Held> events, std::optional<error> refusal)
      : events_(std::move(events)), refusal_(std::move(refusal)) {}

  /// Expects exactly these events, in this order. Events without == are compared member by member, up to 16 members.
  /// \throws assertion_failed  when the events are others, with expected and actual events as a diff
  template <typename... Event>
  void then(const Event&... expected) const {
    static_assert((must::detail::is_content_comparable<Event> && ...),
                  "must: an expected event has neither an == nor up to 16 public members to compare");
    std::size_t at = 0;
    const bool equal = !refusal_ && sizeof...(Event) == events_.size() && (is_at(at++, expected) && ...);
    if (equal) return;
    throw assertion_failed("the command came to other events (- expected, + actual)\n" +
                           diff({print(expected)...}, actual_lines()));
  }

  /// Expects that the command is accepted and comes to no event.
  /// \throws assertion_failed  when it is refused, or comes to events
  void then_nothing() const {
    if (refusal_ || !events_.empty())
      throw assertion_failed("the command was expected to come to no event\n" + diff({}, actual_lines()));
  }

  /// Expects that the command is refused with this exception: unauthorized, invalid or version_conflict.
  /// \param reason  the whole reason. An empty one expects any reason.
  /// \throws assertion_failed  when the command is accepted, or is refused otherwise
  template <typename Exception>
  void then_refused(std::string_view reason = {}) const {
    constexpr auto code = detail::code_of<Exception>();
    if (refusal_ && refusal_->code == code && (reason.empty() || refusal_->message == reason)) return;
    const auto wanted = "refused: " + std::string(name_of(code)) +
                        (reason.empty() ? std::string() : " \"" + std::string(reason) + "\"");
    throw assertion_failed("the command was expected to be refused (- expected, + actual)\n" +
                           diff({wanted}, actual_lines()));
  }

  /// Returns the events, for expectations of another kind.
  /// \throws assertion_failed  when the command was refused
  [[nodiscard]] const std::vector<Held>& events() const {
    if (refusal_) throw assertion_failed("the command was refused: " + detail::describe(*refusal_));
    return events_;
  }

 private:
  template <typename Event>
  bool is_at(std::size_t at, const Event& expected) const {
    bool same = false;
    must::detail::pipeline::with_held(events_[at], [&](const auto& actual) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(actual)>, Event>)
        same = must::detail::content_equal(actual, expected);
    });
    return same;
  }
  std::vector<std::string> actual_lines() const {
    if (refusal_) return {"refused: " + detail::describe(*refusal_)};
    std::vector<std::string> lines;
    for (const auto& held : events_)
      must::detail::pipeline::with_held(held, [&](const auto& event) { lines.push_back(print(event)); });
    return lines;
  }

  std::vector<Held> events_;
  std::optional<error> refusal_;
};

/// Events that have happened before a command. given() makes it.
template <typename... Event>
class history {
 public:
  /// Holds the events. given() calls it.
  explicit history(const Event&... events) : events_(events...) {}

  /// Processes a command as process_command does, with the events that have happened in the place of a store. What is
  /// refused there is refused here. be_handled of the events of the command does not run. An event without a stream
  /// joins the stream that the command depends on. Positions and ids count from 1, and every event has the time of a
  /// fixed_clock.
  /// \param command  the command that is decided
  /// \param options  those of process_command
  /// \throws bad_input  when process_command refuses the query or an event of the command with it, or when no store
  ///                    takes an event that has happened
  /// \throws must::exception  another error of process_command that is no refusal, such as codec_error
  /// \throws ...  what the rules and states throw of their own
  template <typename C, typename... Option>
  [[nodiscard]] auto when(const C& command, const Option&... options) const {
    using unstored = must::detail::coding::unstored;
    using rule_options = must::detail::pipeline::rule_options<Option...>;
    static_assert(must::detail::pipeline::is_good<C, unstored, rule_options>);
    using held_type = typename must::detail::pipeline::held_by<C, unstored, rule_options>::type;
    using data_type = typename detail::data_with<typename detail::types_translated<held_type>::type, Event...>::type;
    detail::happened<data_type> before;
    std::apply([&](const Event&... event) { (before.add(event), ...); }, events_);
    processed<held_type, must::detail::pipeline::processed_state<C, Option...>> done;
    auto no = must::detail::pipeline::run_with_settings<false>(command, before, done, options...);
    if (no && !detail::is_refusal(no->code)) raise(*std::move(no));
    if (no) done.events.clear();
    return outcome<held_type>(std::move(done.events), std::move(no));
  }

 private:
  std::tuple<Event...> events_;
};

/// Returns the events that have happened before a command:
/// `given(Opened{"a"}, Deposited{"a", 5}).when(Withdraw{"a", 7}).then_refused<invalid>("...")`.
template <Event... E>
[[nodiscard]] history<E...> given(const E&... events) {
  return history<E...>(events...);
}

}  // namespace must::testing
