// SPDX-License-Identifier: MIT
// Commands with an id: the identity of their events, and the recognition of a repeat.
#pragma once

#include "must/command/rule.hpp"
#include "must/detail/digest.hpp"
#include "must/detail/names.hpp"
#include "must/error.hpp"
#include "must/event.hpp"
#include "must/process_command/command_digest.hpp"
#include "must/process_command/decide.hpp"
#include "must/process_command/make_event.hpp"
#include "must/record.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/stored_names.hpp"
#include "must/text/quoted.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

namespace must::detail::pipeline {

// Returns the name of the type of a command, which is empty where it is not plain.
template <typename C>
constexpr type_name type_of_command() {
  if constexpr (requires {
                  { command_traits<C>::type } -> text_like;
                })
    return to_type_name(command_traits<C>::type);
  else
    return own_name<C>();
}
// Returns the name as it goes into the ids of events.
template <typename C>
constexpr type_name command_type() {
  constexpr auto name = type_of_command<C>();
  static_assert(name.size() > 0,
                "must: a command with a command_id needs a plain name: add static constexpr auto type = \"...\"; to it "
                "or to its command_traits");
  return name;
}

// Returns the identity of a command that has a command_id.
struct command_identity {
  std::string id{};
  std::string digest{};
  std::string_view type{};
  std::string whole{};  // The digest of its content as earlier releases stored it.

  [[nodiscard]] std::string event_id(const std::string& source, std::uint64_t index) const {
    return uuid8(source, type, id, index);
  }
  void stamp(attributes& extensions, std::size_t index, std::size_t count) const {
    extensions.insert_or_assign(stored_names::extension::command_id, id);
    extensions.insert_or_assign(stored_names::extension::command_digest, digest);
    extensions.insert_or_assign(stored_names::extension::command_index, static_cast<std::int32_t>(index));
    extensions.insert_or_assign(stored_names::extension::command_count, static_cast<std::int32_t>(count));
  }
};

template <typename C>
void digest(command_identity& made, const C& command) {
  if constexpr (constexpr auto own = rules::chosen<rules::command_digest_rule, C, list<>, list<>>; own.callable()) {
    made.digest = content_digest(to_string_of(rules::call_rule<rules::command_digest_rule>(command, std::tuple<>{})));
  } else {
    static_assert(own.source == rules::rule_source::none,
                  "must: command_digest of the command is not a const function without parameters");
    static_assert(
        is_digestible<C>,
        "must: a command with a command_id is compared by its content: make it an aggregate of plain members, "
        "or add std::string command_digest() const");
    if constexpr (is_digestible<C>) {
      made.digest = digests_of_parts(command);
      made.whole = content_digest(command);
    }
  }
}

// Returns the identity that a caller gives to a command. Content that cannot be compared is taken for the same.
template <typename C>
command_identity identity_of(const C& command, const std::string& id) {
  command_identity made{id, {}, command_type<C>(), {}};
  if constexpr (rules::chosen<rules::command_digest_rule, C, list<>, list<>>.callable() || is_digestible<C>)
    digest(made, command);
  return made;
}

template <typename C, typename... Option>
command_identity identify(const C& command, const Option&... options) {
  constexpr auto own = rules::chosen<rules::command_id_rule, C, list<>, list<Option...>>;
  static_assert(own.callable(),
                "must: command_id of the command takes neither (options...) nor (): make it a const member");
  static_assert(
      !rules::is_forbidden(own),
      "must: command_id of the command comes from command_traits<must::any>, and MUST_FORBID_FALLBACKS forbids "
      "that: give the command a rule of its own");
  command_identity made;
  if constexpr (own.callable()) {
    using returned = std::remove_cvref_t<rules::rule_result<rules::command_id_rule, C, list<>, list<Option...>>>;
    constexpr bool is_text = text_like<returned>;
    static_assert(is_text, "must: command_id of the command returns no text");
    if constexpr (is_text) {
      made.id = refusing_as<rules::command_id_rule>(
          [&] { return to_string_of(rules::call_rule<rules::command_id_rule>(command, std::tuple<>{}, options...)); });
      digest(made, command);
      made.type = command_type<C>();
      kit::check_name("command_id", made.id);
    }
  }
  return made;
}

// Returns the records of an earlier run of the command, or none when there was none. Throws duplicate_command.
template <typename S>
std::vector<recorded<typename S::data_type>> find_repeat(S& storage, const command_identity& command) {
  std::vector<recorded<typename S::data_type>> found;
  const auto& source = storage.origin().source;
  std::size_t count = 1;
  while (found.size() < count) {
    auto record = storage.find(source, command.event_id(source, found.size()));
    if (!record && found.empty()) return found;
    const auto text = [&](const char* name) {
      const auto entry = record ? record->extensions.find(std::string_view(name)) : attributes::const_iterator();
      const auto* value =
          !record || entry == record->extensions.end() ? nullptr : std::get_if<std::string>(&entry->second);
      return value == nullptr ? std::string() : *value;
    };
    if (!record || !are_of_one_command(text(stored_names::extension::command_digest), command.digest, command.whole))
      raise({.code = error_code::duplicate_command,
             .message = "command id " + detail::text::in_quotes(command.id) +
                        " was used before by a command with other content",
             .field = "command_id",
             .event_id = record ? record->id : std::string()});
    if (const auto entry = record->extensions.find(std::string_view(stored_names::extension::command_count));
        entry != record->extensions.end())
      if (const auto* counted = std::get_if<std::int32_t>(&entry->second)) count = static_cast<std::size_t>(*counted);
    found.push_back(*std::move(record));
  }
  return found;
}

}  // namespace must::detail::pipeline
