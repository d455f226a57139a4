// SPDX-License-Identifier: MIT
// Writes the events of the streams of a process manager as JSON, and reads them.
#pragma once

#include "must/codec/codec.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/model/process_manager/events.hpp"
#include "must/record.hpp"
#include "must/text/base64.hpp"
#include "must/text/json_text.hpp"
#include "must/text/quoted.hpp"
#include "must/text/utf8.hpp"
#include "must/timestamp.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace must {

namespace detail::model {

[[noreturn]] inline void refuse_process_event(const std::string& why) {
  raise({.code = error_code::codec_error, .message = "the event of a process " + why, .field = "data"});
}

// A JSON object whose members are strings, and arrays of strings. A text that is no UTF-8 throws codec_error.
class text_object_writer {
 public:
  void put(std::string_view name, std::string_view value) {
    begin(name);
    add(name, value);
  }
  void put(std::string_view name, const std::vector<std::string>& values) {
    begin(name);
    out_ += '[';
    for (const auto& value : values) {
      if (out_.back() != '[') out_ += ',';
      add(name, value);
    }
    out_ += ']';
  }
  [[nodiscard]] payload finish() && { return {"application/json", std::move(out_) + "}"}; }

 private:
  void begin(std::string_view name) {
    if (out_.size() > 1) out_ += ',';
    text::append_json_string(out_, name);
    out_ += ':';
  }
  void add(std::string_view name, std::string_view value) {
    if (!text::is_utf8(value))
      refuse_process_event("has " + text::in_quotes(value) + " in " + std::string(name) + ", which is no UTF-8");
    text::append_json_string(out_, value);
  }
  std::string out_ = "{";
};

// Calls `take(name, values)` for each member; of a string there is one value.
template <typename Take>
void read_text_object(const payload& data, Take&& take) {
  const auto text = [&](std::string_view literal) {
    auto value = literal.starts_with('"') ? text::read_json_string(literal) : std::nullopt;
    if (!value) refuse_process_event("has " + text::in_quotes(literal) + " where a text belongs");
    return *std::move(value);
  };
  if (const auto flaw = text::json_flaw(data.bytes())) refuse_process_event("is no JSON: " + *flaw);
  if (!data.bytes().starts_with('{')) refuse_process_event("is no JSON object");
  for (text::json_cursor members(data.bytes()); members.next();) {
    const auto name = text(members.take_name());
    const auto value = members.take_value();
    std::vector<std::string> values;
    if (value.starts_with('['))
      for (text::json_cursor elements(value); elements.next();) values.push_back(text(elements.take_value()));
    else
      values.push_back(text(value));
    take(name, std::move(values));
  }
}

template <typename Count>
Count to_count(const std::string& text) {
  Count count = 0;
  const auto* const end = text.data() + text.size();
  if (const auto [at, failure] = std::from_chars(text.data(), end, count); failure != std::errc() || at != end)
    refuse_process_event("has " + text::in_quotes(text) + " where a number belongs");
  return count;
}

// The data of a command as three texts, and back.
inline std::vector<std::string> command_texts(const payload& data) {
  if (data.state() == payload::kind::null) return {data.content_type(), "null", ""};
  if (text::is_utf8(data.bytes())) return {data.content_type(), "text", std::string(data.bytes())};
  return {data.content_type(), "base64", text::to_base64(data.bytes())};
}
inline payload command_data(std::string content_type, const std::string& form, std::string bytes) {
  if (form == "null") return payload::null(std::move(content_type));
  if (form == "text") return {std::move(content_type), std::move(bytes)};
  auto decoded = form == "base64" ? text::from_base64(bytes) : std::nullopt;
  if (!decoded) refuse_process_event("has a command whose data is not " + text::in_quotes(form));
  return {std::move(content_type), *std::move(decoded)};
}
constexpr std::string_view cause_names[] = {"", "event", "refusal", "deadline", "hand"};
inline process_decided::cause cause_named(std::string_view text) {
  for (std::size_t i = 0; i < std::size(cause_names); ++i)
    if (cause_names[i] == text) return static_cast<process_decided::cause>(i);
  refuse_process_event("was decided on " + text::in_quotes(text) + ", which this release does not know");
}
inline timestamp due_time(const std::string& text) {
  const auto due = timestamp::parse(text);
  if (!due) refuse_process_event("has a deadline that is none: " + due.error().message);
  return *due;
}

}  // namespace detail::model

/// The codec of decisions, which writes JSON in every store.
template <>
struct codec<process_decided> {
  /// Returns JSON: an object of texts and lists of texts.
  [[nodiscard]] static payload encode(const process_decided& event) {
    detail::model::text_object_writer out;
    out.put("manager", event.manager);
    out.put("key", event.key);
    if (event.on != process_decided::cause::unknown)
      out.put("on", detail::model::cause_names[static_cast<std::size_t>(event.on)]);
    out.put("trigger", event.trigger);
    out.put("position", std::to_string(event.position));
    std::vector<std::string> commands, deadlines;
    for (const auto& one : event.commands) {
      commands.push_back(one.type);
      for (auto& part : detail::model::command_texts(one.data)) commands.push_back(std::move(part));
    }
    for (const auto& one : event.deadlines) {
      deadlines.push_back(one.name);
      deadlines.push_back(one.due.to_string());
    }
    out.put("commands", commands);
    out.put("deadlines", deadlines);
    out.put("cancelled", event.cancelled);
    out.put("ended", event.ended ? "yes" : "no");
    return std::move(out).finish();
  }
  /// Returns the event that encode has written.
  /// \throws codec_error  when the data is no such event
  [[nodiscard]] static process_decided decode(const payload& data) {
    process_decided event;
    detail::model::read_text_object(data, [&](const std::string& name, std::vector<std::string> values) {
      if (name == "commands") {
        if (values.size() % 4 != 0) detail::model::refuse_process_event("has a command that is cut off");
        for (std::size_t i = 0; i < values.size(); i += 4)
          event.commands.push_back(
              {values[i], detail::model::command_data(values[i + 1], values[i + 2], values[i + 3])});
      } else if (name == "deadlines") {
        if (values.size() % 2 != 0) detail::model::refuse_process_event("has a deadline that is cut off");
        for (std::size_t i = 0; i < values.size(); i += 2)
          event.deadlines.push_back({values[i], detail::model::due_time(values[i + 1])});
      } else if (name == "cancelled") {
        event.cancelled = std::move(values);
      } else if (!values.empty()) {
        if (name == "manager") event.manager = values[0];
        if (name == "key") event.key = values[0];
        if (name == "on") event.on = detail::model::cause_named(values[0]);
        if (name == "trigger") event.trigger = values[0];
        if (name == "position") event.position = detail::model::to_count<position>(values[0]);
        if (name == "ended") event.ended = values[0] == "yes";
      }
    });
    return event;
  }
};

/// The codec of outcomes, which writes JSON in every store.
template <>
struct codec<process_outcome> {
  /// Returns JSON: an object of texts and lists of texts.
  [[nodiscard]] static payload encode(const process_outcome& event) {
    detail::model::text_object_writer out;
    out.put("manager", event.manager);
    out.put("key", event.key);
    out.put("decision", event.decision);
    out.put("index", std::to_string(event.index));
    out.put("refused", event.refused);
    out.put("rule", event.rule);
    return std::move(out).finish();
  }
  /// Returns the event that encode has written.
  /// \throws codec_error  when the data is no such event
  [[nodiscard]] static process_outcome decode(const payload& data) {
    process_outcome event;
    detail::model::read_text_object(data, [&](const std::string& name, const std::vector<std::string>& values) {
      if (values.empty()) return;
      if (name == "manager") event.manager = values[0];
      if (name == "key") event.key = values[0];
      if (name == "decision") event.decision = values[0];
      if (name == "index") event.index = detail::model::to_count<std::uint32_t>(values[0]);
      if (name == "refused") event.refused = values[0];
      if (name == "rule") event.rule = values[0];
    });
    return event;
  }
};

}  // namespace must
