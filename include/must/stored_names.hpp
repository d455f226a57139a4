// SPDX-License-Identifier: MIT
// Every name that is stored: keys of cells, streams and tags of `must`, extensions. All of them are promises.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace must::stored_names {

/// A name as it is written now, and as an earlier release wrote it.
struct name {
  std::string now{};     ///< The name that is written.
  std::string former{};  ///< The name that earlier releases wrote. It is read when nothing is stored under `now`.

  /// Returns whether an earlier release wrote another name.
  [[nodiscard]] bool has_former() const noexcept { return former != now; }
};

/// Escapes one part of a name: "/", "@" and "%" become "%2F", "%40" and "%25". Different parts become different texts.
[[nodiscard]] inline std::string escaped(std::string_view part) {
  std::string text;
  text.reserve(part.size());
  for (const char byte : part) {
    if (byte == '/')
      text += "%2F";
    else if (byte == '@')
      text += "%40";
    else if (byte == '%')
      text += "%25";
    else
      text += byte;
  }
  return text;
}
/// Returns the part that was escaped, or nothing when `text` is no escaped part.
[[nodiscard]] inline std::optional<std::string> unescaped(std::string_view text) {
  std::string part;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '/' || text[at] == '@') return std::nullopt;
    if (text[at] != '%') {
      part += text[at];
      continue;
    }
    const auto code = text.substr(at, 3);
    if (code != "%2F" && code != "%40" && code != "%25") return std::nullopt;
    part += code == "%2F" ? '/' : code == "%40" ? '@' : '%';
    at += 2;
  }
  return part;
}
/// Builds a name from parts. Each part is escaped, and "/" stands between two. Different parts give different names.
///
/// Ids that are derived from several texts are made of such a name, too: `joined({source, id})`.
[[nodiscard]] inline std::string joined(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const auto& part : parts) {
    if (&part != parts.begin()) text += '/';
    text += escaped(part);
  }
  return text;
}

/// The keys of all cells that belong to subscriptions start with this text.
inline constexpr std::string_view subscriptions = "must/subscription/";
/// The keys of all snapshots start with this text. The digest of the key of the state follows.
inline constexpr std::string_view snapshots = "must/snapshot/";

/// Returns the key of the checkpoint of a subscription. Its other cells have this key, "/" and one of the parts below.
[[nodiscard]] inline name subscription(std::string_view of) {
  const std::string prefix(subscriptions);
  return {prefix + escaped(of), prefix + std::string(of)};
}
/// Returns the key of the checkpoint of the subscription of a process manager.
[[nodiscard]] inline name process_subscription(std::string_view manager) {
  const std::string prefix(subscriptions);
  return {prefix + escaped(manager) + "@process", prefix + "process/" + std::string(manager)};
}
/// Returns the key of the checkpoint of one version of a view.
[[nodiscard]] inline name view_subscription(std::string_view view, unsigned version) {
  const auto prefix = std::string(subscriptions);
  const auto suffix = "@" + std::to_string(version);
  return {prefix + escaped(view) + suffix, prefix + std::string(view) + suffix};
}
/// Returns the key of a cell beside a checkpoint, such as "parked", "replay", "attempts/0" or "lane/0".
[[nodiscard]] inline name beside(const name& checkpoint, std::string_view part) {
  const auto end = "/" + std::string(part);
  return {checkpoint.now + end, checkpoint.former + end};
}

/// Returns the key of the cell that says which version of a view is in use.
[[nodiscard]] inline name view(std::string_view of) {
  return {"must/view/" + escaped(of), "must/view/" + std::string(of)};
}
/// Returns the key of the cell of the deadlines of a process manager.
[[nodiscard]] inline name process_deadlines(std::string_view manager) {
  return {"must/process/" + escaped(manager) + "/deadlines", "must/process/" + std::string(manager) + "/deadlines"};
}
/// Returns the name of the stream of one instance of a process manager.
[[nodiscard]] inline name process_stream(std::string_view manager, std::string_view key) {
  return {joined({"process", manager, key}), "process/" + std::string(manager) + "/" + std::string(key)};
}
/// Returns the tag of all events of a process manager.
[[nodiscard]] inline std::string process_tag(std::string_view manager) { return "process:" + std::string(manager); }

/// Returns the text that the keys of the notes of an inbox start with. The digest of the source and id of the event
/// follows. No text of one receiver is the former text of another.
[[nodiscard]] inline name inbox(std::string_view receiver) {
  const auto part = escaped(receiver);
  const auto former = "must/inbox/" + std::string(receiver) + "/";
  return {part == receiver ? former : "must/inbox@/" + part + "/", former};
}

/// The tag of the events of a context starts with this text; the path of the context follows. In a path, "///"
/// stands between an outer context and one in it.
inline constexpr std::string_view context_tags = "context:";
/// The keys of the cells of a context start with this text; its name and "/" follow. Those of a
/// context in a context stand among the cells of the outer one.
inline constexpr std::string_view context_cells = "context/";

/// The extensions that `must` adds to the events of commands.
namespace extension {
inline constexpr std::string_view sequence = "sequence";            ///< The position, where an event is exported.
inline constexpr std::string_view streamversion = "streamversion";  ///< The version in the stream, where exported.
inline constexpr std::string_view recordedtime = "recordedtime";    ///< The time of recording, where exported.
inline constexpr const char* command_id = "mustcommandid";          ///< The id of the command of the event.
inline constexpr const char* command_digest = "mustcommanddigest";  ///< The digest of the content of the command.
inline constexpr const char* command_count = "mustcommandcount";    ///< The number of events of the command.
inline constexpr const char* command_index = "mustcommandindex";    ///< The place of the event among them, from 0.
inline constexpr const char* schema_version = "mustschemaversion";  ///< The schema version of the event.
inline constexpr const char* tags = "musttags";                     ///< The tags of an event that is exported.
inline constexpr const char* erased = "musterased";         ///< The time of the erasure of an event that is exported.
inline constexpr const char* erased_why = "musterasedwhy";  ///< The reason of the erasure of an event that is exported.
inline constexpr const char* partition_key = "partitionkey";    ///< The key by which events are kept in order.
inline constexpr const char* correlation_id = "correlationid";  ///< The id of what an event belongs to.
inline constexpr const char* causation_id = "causationid";      ///< The id of what caused an event.
}  // namespace extension

}  // namespace must::stored_names
