// SPDX-License-Identifier: MIT
// Values as text, for the failures of the storage suite.
#pragma once

#include "must/detail/validate.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace must::testing::detail {

inline const char* name_of(error_code code) {
  switch (code) {
    case error_code::unauthorized: return "unauthorized";
    case error_code::invalid: return "invalid";
    case error_code::version_conflict: return "version_conflict";
    case error_code::duplicate_id: return "duplicate_id";
    case error_code::duplicate_command: return "duplicate_command";
    case error_code::position_ahead: return "position_ahead";
    case error_code::bad_input: return "bad_input";
    case error_code::codec_error: return "codec_error";
    case error_code::erased: return "erased";
    case error_code::storage_error: return "storage_error";
    case error_code::outcome_unknown: return "outcome_unknown";
  }
  return "?";
}

inline std::string show(bool value) { return value ? "true" : "false"; }
template <std::integral Number>
std::string show(Number value) {
  return std::to_string(value);
}
inline std::string show(std::string_view text) { return must::detail::in_quotes(text); }
inline std::string show(const std::string& text) { return show(std::string_view(text)); }
inline std::string show(const char* text) { return show(std::string_view(text)); }
inline std::string show(error_code code) { return name_of(code); }
inline std::string show(conflict::part part) { return part == conflict::part::query ? "query" : "stream"; }
inline std::string show(const appended& at) { return "[" + show(at.first) + ", " + show(at.last) + "]"; }
inline std::string show(const conflict& why) { return "conflict (" + to_error(why).message + ")"; }
inline std::string show(const append_result& done) { return done ? "stored at " + show(*done) : show(done.why()); }
inline std::string show(const error& why) {
  return std::string(name_of(why.code)) + " (field \"" + why.field.str() + "\": " + why.message + ")";
}
inline std::string show(const result<append_result>& done) { return done ? show(*done) : show(done.error()); }
inline std::string show(const read_result& done) {
  return "head " + show(done.head) + ", scanned " + show(done.scanned) + (done.complete ? ", complete" : ", not complete");
}
inline std::string show(const cell& kept) { return show(kept.bytes) + " at revision " + show(kept.revision); }
template <typename Value>
std::string show(const std::optional<Value>& value) {
  return value ? show(*value) : "nothing";
}
template <typename Value>
std::string show(const std::vector<Value>& values) {
  std::string text = "{";
  for (std::size_t i = 0; i < values.size() && i < 40; ++i) (text += i == 0 ? "" : ", ") += show(values[i]);
  if (values.size() > 40) text += ", ... " + show(values.size()) + " in all";
  return text += "}";
}
inline std::string show(const query& which) {
  if (which.is_all()) return "query::all()";
  std::string text = "query{";
  for (const auto& item : which.items())
    text += "(types " + show(item.types) + " tags " + show(item.tags) + " stream " + show(item.stream) + ")";
  return text += "}";
}
inline std::string show(const read_options& options) {
  const read_options all;
  std::string text = options.order == direction::forwards ? "forwards after " : "backwards after ";
  text += show(options.after);
  if (options.until != all.until) text += " until " + show(options.until);
  if (options.after_version != 0) text += " after version " + show(options.after_version);
  if (options.until_version != all.until_version) text += " until version " + show(options.until_version);
  return options.limit ? text += " limit " + show(*options.limit) : text;
}
inline std::string show(const append_condition& condition) {
  auto text = show(condition.query) + " after " + show(condition.after);
  for (const auto& stream : condition.streams) {
    using kind = stream_expectation::kind;
    text += ", stream " + show(stream.stream);
    text += stream.expected == kind::any         ? " any"
            : stream.expected == kind::no_stream ? " none"
            : stream.expected == kind::exists    ? " exists"
                                                 : " at " + show(stream.at);
  }
  return text;
}

inline std::string show(const attribute_value& value) {
  struct {
    std::string operator()(bool of) const { return show(of); }
    std::string operator()(std::int32_t of) const { return show(of); }
    std::string operator()(const std::string& of) const { return show(of); }
    std::string operator()(const binary& of) const { return "binary " + show(of.bytes); }
    std::string operator()(const uri& of) const { return "uri " + show(of.text); }
    std::string operator()(const uri_reference& of) const { return "uri_reference " + show(of.text); }
    std::string operator()(const timestamp& of) const { return "timestamp " + of.to_string(); }
  } to_text;
  return std::visit(to_text, value);
}

}  // namespace must::testing::detail
