// SPDX-License-Identifier: MIT
// JSON by nlohmann_json: the codec of every type that it can write and read, and commands parsed from documents.
#pragma once

#include "must/codec/codec.hpp"
#include "must/error.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/text/json_text.hpp"
#include "must/text/media_type.hpp"
#include "must/text/utf8.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace must {

namespace detail::coding {

template <typename Value>
concept JsonReadable = requires(const nlohmann::json& document) {
  { document.template get<Value>() } -> std::same_as<Value>;
};
template <typename Value>
concept JsonWritable = requires(const Value& value) { nlohmann::json(value); };

// What nlohmann_json says, without the name of its exception.
inline std::string json_reason(const nlohmann::json::exception& thrown) {
  const std::string_view what = thrown.what();
  const auto end = what.find("] ");
  return std::string(end == std::string_view::npos ? what : what.substr(end + 2));
}

// The key that an exception says is not there; empty for every other exception.
inline std::string missing_key(const nlohmann::json::exception& thrown) {
  const std::string_view what = thrown.what();
  constexpr std::string_view before = "key '", after = "' not found";
  const auto start = what.find(before);
  if (thrown.id != 403 || start == std::string_view::npos || !what.ends_with(after)) return {};
  return std::string(what.substr(start + before.size(), what.size() - after.size() - start - before.size()));
}

// What went wrong in reading a document: a sentence, and the member that it is about, where that can be told.
struct json_misfit {
  std::string message;
  std::string field;
};

// Whether reading a document fails, whatever is thrown, and the key that is said to be missing.
template <JsonReadable Value>
bool fails(const nlohmann::json& document, std::string& missing) {
  missing.clear();
  try {
    static_cast<void>(document.template get<Value>());
    return false;
  } catch (const nlohmann::json::exception& thrown) {
    missing = missing_key(thrown);
  } catch (...) {  // of the user's own: only an attempt was made
  }
  return true;
}

// Finds the member at which reading `document` fails. nlohmann_json names a member that is missing, but not one that
// does not fit: so the document is read again with no members but those asked for, until the failure is not a
// missing member; the last one added is to blame. Members that have defaults are not asked for: those are added by
// halves.
template <JsonReadable Value>
std::string misfitting_member(const nlohmann::json& document) {
  std::string missing, last;
  auto partial = nlohmann::json::object();
  bool failed = fails<Value>(partial, missing);
  while (failed && missing != last && document.contains(missing) && !partial.contains(missing)) {
    partial[missing] = document[missing];
    last = missing;
    failed = fails<Value>(partial, missing);
  }
  if (failed) return last;

  auto good = document.begin();
  auto count = static_cast<std::ptrdiff_t>(document.size());
  while (count > 0) {
    const auto half = count / 2;
    auto bad = good;
    auto trial = partial;
    for (std::ptrdiff_t i = 0; i <= half; ++i, ++bad) trial[bad.key()] = bad.value();
    if (fails<Value>(trial, missing)) {
      count = half;
    } else {
      partial = std::move(trial);
      good = bad;
      count -= half + 1;
    }
  }
  return good == document.end() ? std::string() : good.key();
}

template <JsonReadable Value>
json_misfit misfit_of(const nlohmann::json& document, std::string reason, std::string missing) {
  if (!missing.empty() && document.is_object() && !document.contains(missing)) {
    auto with = document;
    with[missing] = nullptr;
    std::string still_missing;
    static_cast<void>(fails<Value>(with, still_missing));
    if (still_missing != missing) return {detail::text::in_quotes(missing) + " is missing", std::move(missing)};
  }
  if (!document.is_object())
    return {"the document (" + std::string(document.type_name()) + ") does not fit: " + reason, {}};
  auto field = misfitting_member<Value>(document);
  auto message = field.empty() ? std::move(reason) : detail::text::in_quotes(field) + ": " + reason;
  return {std::move(message), std::move(field)};
}

// Reads a Value, or says what does not fit; never throws what is nlohmann_json's.
template <JsonReadable Value>
result<Value, json_misfit> read_json(const nlohmann::json& document) {
  using misfit = unexpected<json_misfit>;
  try {
    return document.template get<Value>();
  } catch (const nlohmann::json::exception& thrown) {
    return misfit(misfit_of<Value>(document, json_reason(thrown), missing_key(thrown)));
  } catch (const refusal& no) {
    return misfit(misfit_of<Value>(document, no.reason(), {}));
  }
}

// Whether nlohmann_json made the integer `read` of another number: by dropping a fraction, or bits, or of true.
inline bool is_cut(const nlohmann::json& given, const nlohmann::json& read) {
  const auto negative = [](const nlohmann::json& number) {
    return number.is_number_integer() && !number.is_number_unsigned() && number.get<std::int64_t>() < 0;
  };
  if (!read.is_number_integer() || (read == given && negative(read) == negative(given))) return false;
  const auto bits = read.get<std::uint64_t>();
  if (given.is_boolean()) return bits == (given.get<bool>() ? 1U : 0U);
  if (given.is_number_float())
    return read.get<double>() == std::trunc(given.get<double>()) || !(std::abs(given.get<double>()) < 0x1p63);
  if (!given.is_number_integer()) return false;
  const auto difference = given.get<std::uint64_t>() - bits;
  return (difference & 0xFFU) == 0;
}

// Finds the first number that was cut to fit its type.
inline std::optional<json_misfit> find_cut(const nlohmann::json& given, const nlohmann::json& read) {
  if (is_cut(given, read))
    return json_misfit{given.dump() + " does not fit its type: it would become " + read.dump(), {}};
  if (given.type() != read.type() || !given.is_structured() || (given.is_array() && given.size() != read.size()))
    return std::nullopt;
  for (auto member = read.begin(); member != read.end(); ++member) {
    auto name = read.is_object() ? member.key() : std::to_string(member - read.begin());
    if (read.is_object() && !given.contains(name)) continue;
    auto found =
        find_cut(read.is_object() ? given[name] : given[static_cast<std::size_t>(member - read.begin())], *member);
    if (!found) continue;
    found->field = found->field.empty() ? std::move(name) : std::move(name) + "." + found->field;
    return found;
  }
  return std::nullopt;
}

inline result<nlohmann::json, json_misfit> read_json_text(std::string_view text) {
  using misfit = unexpected<json_misfit>;
  if (auto flaw = text::json_flaw(text)) return misfit({"it is not JSON: " + *std::move(flaw), {}});
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& thrown) {
    return misfit({json_reason(thrown), {}});
  }
}

// The same for a value that was read from `given`; a to_json that throws what is nlohmann_json's tells nothing.
template <JsonWritable Value>
std::optional<json_misfit> find_cut_in(const nlohmann::json& given, const Value& value) {
  try {
    return find_cut(given, nlohmann::json(value));
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

// What JSON cannot say of a document, and where: text that is not UTF-8, NaN, infinity, bytes. nlohmann_json would
// throw, or write something else in its place. And what decode would refuse: too many levels.
inline std::optional<json_misfit> unwritable(const nlohmann::json& document, std::size_t depth = 0) {
  const auto here = [](const char* what) { return json_misfit{what, {}}; };
  if (document.is_string() && !detail::text::is_utf8(document.get_ref<const std::string&>()))
    return here("is text that is not valid UTF-8");
  if (document.is_number_float() && !std::isfinite(document.get_ref<const double&>()))
    return here("is a number that JSON cannot hold: NaN or infinity");
  if (document.is_binary() || document.is_discarded()) return here("is bytes, which JSON cannot hold");
  if (!document.is_structured()) return std::nullopt;
  if (depth == text::json_depth_limit) return json_misfit{"nests deeper than " + std::to_string(depth) + " levels", {}};
  for (auto member = document.begin(); member != document.end(); ++member) {
    auto name = document.is_object() ? member.key() : std::to_string(member - document.begin());
    if (document.is_object() && !detail::text::is_utf8(name)) return here("has a member whose name is not valid UTF-8");
    if (auto found = unwritable(*member, depth + 1)) {
      found->field = found->field.empty() ? std::move(name) : std::move(name) + "." + found->field;
      return found;
    }
  }
  return std::nullopt;
}

}  // namespace detail::coding

/// The JSON codec of every type that nlohmann_json can write and read: by the to_json and from_json beside the type,
/// NLOHMANN_DEFINE_TYPE_INTRUSIVE and its kin, or nlohmann::adl_serializer (then Event needs no default constructor).
///
/// The payload is `application/json`; what nlohmann_json writes as null is a null payload.
/// \see must/codec/codec.hpp; CloudEvents 1.0.2, JSON Event Format, section 3.1
template <typename Event>
  requires detail::coding::JsonReadable<Event> && detail::coding::JsonWritable<Event>
struct codec<Event> {
  /// \throws codec_error  when the event holds what JSON cannot: text that is not UTF-8, NaN, infinity, bytes
  [[nodiscard]] static payload encode(const Event& event) {
    try {
      const nlohmann::json document(event);
      if (const auto why = detail::coding::unwritable(document))
        fail("cannot be written as JSON: " + (why->field.empty() ? "it " : detail::text::in_quotes(why->field) + " ") +
                 why->message,
             why->field);
      if (document.is_null()) return payload::null("application/json");
      return {"application/json", document.dump()};
    } catch (const nlohmann::json::exception& thrown) {
      fail("cannot be written as JSON: " + detail::coding::json_reason(thrown), {});
    }
  }

  /// \throws codec_error  unless the payload is JSON that fits; `field` is the member that does not, where it can be
  /// told
  [[nodiscard]] static Event decode(const payload& data) {
    if (data.state() == payload::kind::absent) fail("has no data", {});
    if (data.state() == payload::kind::erased) fail("was erased", {});
    if (!detail::text::is_json_media_type(data.content_type()))
      fail("is " + detail::text::in_quotes(data.content_type()) + ", which is not a media type of JSON",
           "datacontenttype");
    auto document = data.is_present() ? detail::coding::read_json_text(data.bytes()) : nlohmann::json();
    if (!document) fail("cannot be read: " + document.error().message, {});
    auto event = detail::coding::read_json<Event>(*document);
    if (!event) fail("does not fit: " + event.error().message, event.error().field);
    if (document->is_null() && !nlohmann::json(*event).is_null()) fail("is null, and the type has no null", {});
    return *std::move(event);
  }

 private:
  [[noreturn]] static void fail(const std::string& what, std::string field) {
    raise({.code = error_code::codec_error, .message = "the payload " + what, .field = std::move(field)});
  }
};

/// Reads a command from a JSON document, with the from_json that nlohmann_json finds for it.
///
/// Convert first, then process: `process_command(must::parse<Take>(document), store, ...)`. A number that nlohmann_json
/// would cut to fit an integer (1.5, 3000000000, -1 for an unsigned) is refused, if the command has a to_json too.
/// \returns the command, or an error: code invalid, rule "parse", the field where it can be told, and the reason
template <typename Command>
[[nodiscard]] result<Command> try_parse(const std::same_as<nlohmann::json> auto& document) {
  static_assert(detail::coding::JsonReadable<Command>,
                "must: nlohmann_json cannot read the command: give it a from_json or NLOHMANN_DEFINE_TYPE_INTRUSIVE");
  if constexpr (detail::coding::JsonReadable<Command>) {
    auto command = detail::coding::read_json<Command>(document);
    const auto refused = [](detail::coding::json_misfit why) {
      return unexpected<error>({.code = error_code::invalid,
                                .message = std::move(why.message),
                                .rule = "parse",
                                .field = std::move(why.field)});
    };
    if (!command) return refused(std::move(command).error());
    if constexpr (detail::coding::JsonWritable<Command>)
      if (auto cut = detail::coding::find_cut_in(document, *command)) {
        if (!cut->field.empty()) cut->message = detail::text::in_quotes(cut->field) + ": " + cut->message;
        return refused(*std::move(cut));
      }
    return *std::move(command);
  }
}

/// The same from a text, which must be one JSON value: no name twice in an object, at most 512 levels deep.
template <typename Command>
[[nodiscard]] result<Command> try_parse(std::string_view text) {
  auto document = detail::coding::read_json_text(text);
  if (document) return must::try_parse<Command>(*document);
  return unexpected<error>(
      {.code = error_code::invalid, .message = std::move(document).error().message, .rule = "parse"});
}

/// Reads a command from a JSON document. \throws invalid \see try_parse, the same without exceptions
template <typename Command>
[[nodiscard]] Command parse(const std::same_as<nlohmann::json> auto& document) {
  return must::try_parse<Command>(document).value();
}

/// Reads a command from a text that holds a JSON document. \throws invalid \see try_parse, the same without exceptions
template <typename Command>
[[nodiscard]] Command parse(std::string_view text) {
  return must::try_parse<Command>(text).value();
}

}  // namespace must
