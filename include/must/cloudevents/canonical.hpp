// SPDX-License-Identifier: MIT
// The canonical text of an attribute's value, public: each type of CloudEvents to text, and back.
#pragma once

#include "must/cloudevents/attributes.hpp"
#include "must/record.hpp"
#include "must/text/base64.hpp"
#include "must/timestamp.hpp"

#include <charconv>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

namespace must::cloudevents {

/// The types of attributes, in the order of must::attribute_value. \see CloudEvents 1.0.2, "Type System"
enum class attribute_type : std::uint8_t {
  boolean,        ///< `true` or `false`.
  integer,        ///< A whole number of 32 bits.
  string,         ///< A text without control characters and noncharacters.
  binary,         ///< Bytes, whose canonical text is base64.
  uri,            ///< An absolute URI.
  uri_reference,  ///< A URI, or a reference relative to one.
  timestamp       ///< An instant as RFC 3339 writes it.
};

/// The types of extensions by name. A value that comes as text is read as the type that is declared for its name.
using declared_types = std::map<std::string, attribute_type, std::less<>>;

/// Returns the type of a value.
[[nodiscard]] inline attribute_type type_of(const attribute_value& value) {
  return static_cast<attribute_type>(value.index());
}

/// Returns the canonical text of a value.
/// \param name   the name of the attribute, for the error
/// \param value  the value
/// \throws bad_input  when the value is not what its type allows. `field` is the name.
[[nodiscard]] inline std::string to_text(std::string_view name, const attribute_value& value) {
  struct {
    std::string_view name;
    std::string operator()(bool truth) const { return truth ? "true" : "false"; }
    std::string operator()(std::int32_t number) const { return std::to_string(number); }
    std::string operator()(const std::string& text) const { return detail::check_string(name, text), text; }
    std::string operator()(const binary& data) const { return must::detail::text::to_base64(data.bytes); }
    std::string operator()(const uri& address) const { return detail::check_uri(name, address.text), address.text; }
    std::string operator()(const uri_reference& address) const {
      return detail::check_uri_reference(name, address.text), address.text;
    }
    std::string operator()(const timestamp& when) const { return detail::written_time(name, when); }
  } const visitor{name};
  return std::visit(visitor, value);
}

/// Reads a value from its canonical text.
/// \param name  the name of the attribute, for the error
/// \param text  the canonical text
/// \param type  the type of the value
/// \throws bad_input  when the text is not canonical. `field` is the name.
[[nodiscard]] inline attribute_value from_text(std::string_view name, std::string_view text, attribute_type type) {
  const auto refuse = [&](const char* what) {
    detail::refuse(name, "is " + detail::in_quotes(text) + ", which is not " + what);
  };
  switch (type) {
    case attribute_type::boolean:
      if (text != "true" && text != "false") refuse("true or false");
      return text == "true";
    case attribute_type::integer: {
      std::int32_t number = 0;
      const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (failure != std::errc() || end != text.data() + text.size()) refuse("an integer of 32 bits");
      return number;
    }
    case attribute_type::binary: {
      auto bytes = must::detail::text::from_base64(text);
      if (!bytes) refuse("padded base64");
      return binary{*std::move(bytes)};
    }
    case attribute_type::uri: return detail::check_uri(name, text), uri{std::string(text)};
    case attribute_type::uri_reference:
      return detail::check_uri_reference(name, text), uri_reference{std::string(text)};
    case attribute_type::timestamp: return detail::check_timestamp(name, text);
    case attribute_type::string: break;
  }
  detail::check_string(name, text);
  return std::string(text);
}

namespace detail {

// Returns a value as the type that is declared for its name, or as it came when there is no declaration.
inline attribute_value as_declared(std::string_view name, attribute_value value, const declared_types& types) {
  const auto declared = types.find(name);
  if (declared == types.end() || declared->second == type_of(value)) return value;
  const auto* const text = std::get_if<std::string>(&value);
  return from_text(name, text != nullptr ? *text : to_text(name, value), declared->second);
}

}  // namespace detail
}  // namespace must::cloudevents
