// SPDX-License-Identifier: MIT
// What an attribute of a CloudEvent may hold; the same when one is read and when one is written.
#pragma once

#include "must/error.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/text/media_type.hpp"
#include "must/text/uri.hpp"
#include "must/text/utf8.hpp"
#include "must/timestamp.hpp"

#include <string>
#include <string_view>

namespace must::cloudevents::detail {

using must::detail::text::in_quotes;

// The names of must's own extensions.
inline constexpr std::string_view sequence = "sequence", streamversion = "streamversion", recordedtime = "recordedtime",
                                  musttags = "musttags", musterased = "musterased", musterasedwhy = "musterasedwhy";

[[noreturn]] inline void refuse(std::string_view attribute, const std::string& what) {
  must::kit::refuse_input(std::string(attribute), what);
}

// Whether an attribute of this name is one that the specification itself defines.
inline bool is_core_attribute(std::string_view name) {
  for (const std::string_view core :
       {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data"})
    if (name == core) return true;
  return false;
}

inline void check_attribute_name(std::string_view name) {
  if (!must::kit::is_attribute_name(name))
    raise({.code = error_code::bad_input,
           .message = must::detail::text::in_quotes(name) +
                      " is not the name of an attribute: names have letters a to z and digits only",
           .field = std::string(name)});
}

/// \see CloudEvents 1.0.2, "Type System", String
inline void check_string(std::string_view attribute, std::string_view text) {
  if (must::kit::is_attribute_text(text)) return;
  refuse(attribute, must::detail::text::in_quotes(text) + (must::detail::text::is_utf8(text)
                                                               ? " holds a control character or a noncharacter"
                                                               : " is not valid UTF-8"));
}

inline void check_not_empty(std::string_view attribute, std::string_view text) {
  if (text.empty()) refuse(attribute, "is empty");
}

inline void check_uri(std::string_view attribute, std::string_view text) {
  if (!must::detail::text::is_absolute_uri(text))
    refuse(attribute, must::detail::text::in_quotes(text) + " is not an absolute URI");
}

inline void check_uri_reference(std::string_view attribute, std::string_view text) {
  if (!must::detail::text::is_uri_reference(text))
    refuse(attribute, must::detail::text::in_quotes(text) + " is not a URI-reference");
}

inline timestamp check_timestamp(std::string_view attribute, std::string_view text) {
  const auto read = timestamp::parse(text);
  if (!read) refuse(attribute, read.error().message);
  return *read;
}

// The rules for the attributes that the specification defines, but for time. Absent ones are not to be checked.
inline void check_core(std::string_view attribute, std::string_view text) {
  check_not_empty(attribute, text);
  check_string(attribute, text);
  if (attribute == "source") check_uri_reference(attribute, text);
  if (attribute == "dataschema") check_uri(attribute, text);
  if (attribute == "datacontenttype" && !must::detail::text::is_media_type(text))
    refuse(attribute, must::detail::text::in_quotes(text) + " is not a media type");
}

// Whether data of this type stands in a JSON document as a JSON value. \see JSON Event Format 1.0.2, section 3.1.1
inline bool holds_json(const std::string& content_type) { return must::detail::text::is_json_media_type(content_type); }

}  // namespace must::cloudevents::detail
