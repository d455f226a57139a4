// SPDX-License-Identifier: MIT
// JSON by nlohmann_json: the codec of every type that it can write and read, and parsing of commands.
#pragma once

#include "must/codec/codec.hpp"
#include "must/codec/json_cut.hpp"
#include "must/codec/json_document.hpp"
#include "must/error.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/text/media_type.hpp"
#include "must/text/quoted.hpp"

#include <nlohmann/json.hpp>

#include <concepts>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace must {

/// The JSON codec of every type that nlohmann_json can write and read: by to_json and from_json beside the type, by
/// macros such as NLOHMANN_DEFINE_TYPE_INTRUSIVE, or by nlohmann::adl_serializer, for types without a default
/// constructor.
///
/// The content type is `application/json`. A value that nlohmann_json writes as null is a null payload. A number that
/// nlohmann_json would cut to fit its member (1.5 or 3000000000 for an int, -1 for an unsigned) is refused.
///
/// Warning: nlohmann_json recurses over a document that it copies. An event that holds a document may hold none that
/// nests too deep for that. must::parse lets none through that has more than 512 levels.
/// \see CloudEvents 1.0.2, JSON Event Format, section 3.1
template <typename Event>
  requires detail::coding::JsonReadable<Event> && detail::coding::JsonWritable<Event>
struct codec<Event> {
  /// Returns an event as JSON.
  /// \throws codec_error  when the event holds what JSON cannot: text that is not UTF-8, NaN, infinity, bytes
  /// \throws codec_error  when the event has more than 512 levels
  /// \throws codec_error  when the to_json of the event throws
  [[nodiscard]] static payload encode(const Event& event) {
    if constexpr (std::same_as<Event, nlohmann::json>)
      if (detail::coding::nests_too_deep(event))
        fail("cannot be written as JSON: " + detail::coding::too_deep().message, {});
    const auto document = written(event);
    if (const auto why = detail::coding::unwritable(document))
      fail("cannot be written as JSON: " + (why->field.empty() ? "it " : detail::text::in_quotes(why->field) + " ") +
               why->message,
           why->field);
    if (document.is_null()) return payload::null("application/json");
    return {"application/json", document.dump()};
  }

  /// Reads an event from JSON.
  /// \throws codec_error  when the payload is not JSON, or does not fit. `field` is the member, if it is known.
  /// \throws codec_error  when the payload has more than 512 levels
  /// \throws codec_error  when the from_json of the event throws
  [[nodiscard]] static Event decode(const payload& data) {
    if (data.state() == payload::kind::absent) fail("has no data", {});
    if (data.state() == payload::kind::erased) fail("was erased", {});
    if (!detail::text::is_json_media_type(data.content_type()))
      fail("is " + detail::text::in_quotes(data.content_type()) + ", which is not a media type of JSON",
           "datacontenttype");
    auto document = data.is_present() ? detail::coding::read_json_text(data.bytes()) : nlohmann::json();
    if (!document) fail("cannot be read: " + document.error().message, {});
    auto event = detail::coding::read_stored_json<Event>(*document);
    if (!event) fail("does not fit: " + event.error().message, event.error().field);
    if (const auto cut = detail::coding::find_cut_in(*document, *event))
      fail("does not fit: " + cut->message, cut->field);
    if (document->is_null() && !written(*event).is_null()) fail("is null, and the type has no null", {});
    return *std::move(event);
  }

 private:
  static nlohmann::json written(const Event& event) {
    try {
      return nlohmann::json(event);
    } catch (...) {
      fail("cannot be written as JSON: " + detail::coding::foreign_reason(), {});
    }
  }
  [[noreturn]] static void fail(const std::string& what, std::string field) {
    raise({.code = error_code::codec_error, .message = "the payload " + what, .field = std::move(field)});
  }
};

/// Reads a command from a JSON document, with the from_json that nlohmann_json finds for it.
///
/// The command is then processed: `process_command(must::parse<Take>(document), store, ...)`. When the command also has
/// a to_json, a number that nlohmann_json would cut to fit an integer (1.5, 3000000000, -1 for an unsigned) is refused.
/// A document with more than 512 levels is refused before anything of it is read.
/// \returns the command, or an error with the code invalid, the rule "parse", the reason, and the field, if it is known
template <typename Command>
[[nodiscard]] result<Command> try_parse(const std::same_as<nlohmann::json> auto& document) {
  static_assert(detail::coding::JsonReadable<Command>,
                "must: nlohmann_json cannot read the command: give it a from_json or NLOHMANN_DEFINE_TYPE_INTRUSIVE");
  if constexpr (detail::coding::JsonReadable<Command>) {
    const auto refused = [](detail::coding::json_misfit why) {
      return unexpected<error>({.code = error_code::invalid,
                                .message = std::move(why.message),
                                .rule = "parse",
                                .field = std::move(why.field)});
    };
    if (detail::coding::nests_too_deep(document)) return refused(detail::coding::too_deep());
    auto command = detail::coding::read_json<Command>(document);
    if (!command) return refused(std::move(command).error());
    if constexpr (detail::coding::JsonWritable<Command>)
      if (auto cut = detail::coding::find_cut_in(document, *command)) return refused(*std::move(cut));
    return *std::move(command);
  }
}

/// Reads a command from a text that is one JSON value, as from a document.
/// \returns the command, or an error as for a document. It is also an error when the text is not JSON, when an object
///          has a name twice, and when there are more than 512 levels.
template <typename Command>
[[nodiscard]] result<Command> try_parse(std::string_view text) {
  auto document = detail::coding::read_json_text(text);
  if (document) return must::try_parse<Command>(*document);
  return unexpected<error>(
      {.code = error_code::invalid, .message = std::move(document).error().message, .rule = "parse"});
}

/// Reads a command from a JSON document, as try_parse does, and throws the error.
/// \throws invalid  when the document is not such a command, or has more than 512 levels
template <typename Command>
[[nodiscard]] Command parse(const std::same_as<nlohmann::json> auto& document) {
  return must::try_parse<Command>(document).value();
}

/// Reads a command from a text that is one JSON value, as try_parse does, and throws the error.
/// \throws invalid  when the text is not such a command
template <typename Command>
[[nodiscard]] Command parse(std::string_view text) {
  return must::try_parse<Command>(text).value();
}

}  // namespace must
