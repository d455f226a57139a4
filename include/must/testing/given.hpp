// SPDX-License-Identifier: MIT
// given(events...).when(command, options...).then(events...): a command tested without a store.
#pragma once

#include "must/codec/versions.hpp"
#include "must/detail/members.hpp"
#include "must/detail/names.hpp"
#include "must/error.hpp"
#include "must/event.hpp"
#include "must/one_of.hpp"
#include "must/origin.hpp"
#include "must/process_command/decide.hpp"
#include "must/process_command/make_event.hpp"
#include "must/process_command/process.hpp"
#include "must/process_command/settings.hpp"
#include "must/process_command/told.hpp"
#include "must/process_command/translate.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage/kit/matching.hpp"
#include "must/testing/assertion_failed.hpp"
#include "must/testing/fixed_origin.hpp"
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

  /// Runs the rules of a command on the states that the events make. Each event reaches the states whose boundary it
  /// lies in, as from a store. An event without a stream joins the stream that the command depends on. Positions and
  /// ids count from 1, and every event has the time of a fixed_clock.
  /// \param command  the command that is decided
  /// \param options  what each rule gets, as from process_command
  /// \throws ...  what the rules and states throw, unless it is a refusal
  template <typename C, typename... Option>
  [[nodiscard]] auto when(const C& command, const Option&... options) const {
    using rule_options = must::detail::pipeline::rule_options<Option...>;
    static_assert(must::detail::pipeline::is_good<C, must::detail::coding::unstored, rule_options>);
    return must::detail::pipeline::with_rule_options([&](const auto&... kept) { return decide(command, kept...); },
                                                     options...);
  }

 private:
  using data_type = typename detail::one_of_all<must::detail::list<>, Event...>::type;

  template <typename C, typename... Option>
  auto decide(const C& command, const Option&... options) const {
    using held_type = typename must::detail::pipeline::held_by<C, must::detail::coding::unstored,
                                                               must::detail::list<Option...>>::type;
    auto folding = must::detail::pipeline::make_folding<data_type>(command, options...);
    replay(folding);
    if (const auto mismatch = folding.mismatch()) return outcome<held_type>({}, to_error(*mismatch));
    std::vector<held_type> events;
    auto take = [&](auto&& returned) {
      must::detail::pipeline::for_events<must::detail::coding::unstored>(
          std::forward<decltype(returned)>(returned),
          [&](auto&& event) { events.push_back(held_type(std::forward<decltype(event)>(event))); });
    };
    must::detail::pipeline::progress_of_rules rules;
    const bool passed = rules.run(
        [&](auto& at) { return must::detail::pipeline::run_rules(at, command, folding.states(), take, options...); });
    if (!passed) events.clear();
    return outcome<held_type>(std::move(events), std::move(rules.no));
  }

  template <typename Folding>
  void replay(Folding& folding) const {
    std::vector<recorded<data_type>> log;
    fixed_clock clock;
    counting_ids ids;
    const origin from{.clock = &clock, .ids = &ids};
    const must::detail::pipeline::event_context context{from, clock.now(), folding.only_stream()};
    std::apply([&](const Event&... event) { (log.push_back(record_of(event, context, log)), ...); }, events_);
    for (const auto& record : log)
      if (is_read_by(folding.condition().query, record)) folding.apply(record);
  }

  template <typename One>
  static recorded<data_type> record_of(const One& event, const must::detail::pipeline::event_context& context,
                                       const std::vector<recorded<data_type>>& log) {
    recorded<data_type> made{must::detail::pipeline::make_event<data_type>(event, context)};
    made.id = context.origin.ids->next(context.now);
    made.position = log.size() + 1;
    made.recorded_at = context.now;
    if (made.subject.empty()) return made;
    made.version = 1;
    for (const auto& earlier : log)
      if (earlier.subject == made.subject) ++made.version;
    return made;
  }

  static bool is_read_by(const query& which, const recorded<data_type>& record) {
    for (const auto& item : which.items())
      if (must::kit::matches(item, {record.type, record.subject, record.tags})) return true;
    return false;
  }

  std::tuple<Event...> events_;
};

/// Returns the events that have happened before a command:
/// `given(Opened{"a"}, Deposited{"a", 5}).when(Withdraw{"a", 7}).then_refused<invalid>("...")`.
template <Event... E>
[[nodiscard]] history<E...> given(const E&... events) {
  return history<E...>(events...);
}

}  // namespace must::testing
