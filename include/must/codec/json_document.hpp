// SPDX-License-Identifier: MIT
// Reads documents of nlohmann_json into values, or says what does not fit, and what JSON cannot hold.
#pragma once

#include "must/codec/json_cut.hpp"
#include "must/error.hpp"
#include "must/result.hpp"
#include "must/text/json_text.hpp"
#include "must/text/quoted.hpp"
#include "must/text/utf8.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <exception>
#include <new>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace must::detail::coding {

template <typename Value>
concept JsonReadable = requires(const nlohmann::json& document) {
  { document.template get<Value>() } -> std::same_as<Value>;
};
template <typename Value>
concept JsonWritable = requires(const Value& value) { nlohmann::json(value); };

// Returns what nlohmann_json says, without the name of its exception.
inline std::string json_reason(const nlohmann::json::exception& thrown) {
  const std::string_view what = thrown.what();
  const auto end = what.find("] ");
  return text::printable(end == std::string_view::npos ? what : what.substr(end + 2));
}

// Returns what a catch block caught, as the end of a sentence. Out of memory is no fault of a document, and passes.
inline std::string foreign_reason() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const nlohmann::json::exception& thrown) {
    return json_reason(thrown);
  } catch (const std::exception& thrown) {
    return text::printable(thrown.what());
  } catch (...) {
    return "something was thrown that is no std::exception";
  }
}

// Returns the key that an exception says is not there, which is empty for every other exception.
inline std::string missing_key(const nlohmann::json::exception& thrown) {
  const std::string_view what = thrown.what();
  constexpr std::string_view before = "key '", after = "' not found";
  const auto start = what.find(before);
  if (thrown.id != 403 || start == std::string_view::npos || !what.ends_with(after)) return {};
  return std::string(what.substr(start + before.size(), what.size() - after.size() - start - before.size()));
}

// Returns whether reading a document fails, whatever is thrown, and the key that is said to be missing.
template <JsonReadable Value>
bool fails(const nlohmann::json& document, std::string& missing) {
  missing.clear();
  try {
    static_cast<void>(document.template get<Value>());
    return false;
  } catch (const nlohmann::json::exception& thrown) {
    missing = missing_key(thrown);
  } catch (...) {  // The from_json of the program threw this. Only an attempt was made.
  }
  return true;
}

// Finds the member at which reading `document` fails. nlohmann_json names a member that is missing, but not one that
// does not fit. So the document is read again with no members but those asked for, until the failure is not a missing
// member. The last one added is to blame. Members that have defaults are not asked for: they are added by halves.
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

// Finds a far number that stands for an integer which does not hold it, before it is converted to one.
template <typename Value>
std::optional<json_misfit> find_far(const nlohmann::json& document) {
  if (!has_far_number(document)) return std::nullopt;
  const auto near = without_far_numbers(document);
  try {
    auto found = find_cut(near, nlohmann::json(near.template get<Value>()));
    if (!found) return std::nullopt;
    found->message = "a number does not fit its type, which is one of integers";
    if (!found->field.empty()) found->message = text::in_quotes(found->field) + ": " + found->message;
    return found;
  } catch (const nlohmann::json::exception& thrown) {
    return misfit_of<Value>(near, json_reason(thrown), missing_key(thrown));
  } catch (...) {  // The from_json of the program threw this, for a value that stands there in its place.
    static_cast<void>(foreign_reason());
    return std::nullopt;
  }
}

// Reads a Value, or says what does not fit. It never throws an exception of nlohmann_json.
template <JsonReadable Value>
result<Value, json_misfit> read_json(const nlohmann::json& document) {
  using misfit = unexpected<json_misfit>;
  if constexpr (JsonWritable<Value>)
    if (auto far = find_far<Value>(document)) return misfit(*std::move(far));
  try {
    return document.template get<Value>();
  } catch (const nlohmann::json::exception& thrown) {
    return misfit(misfit_of<Value>(document, json_reason(thrown), missing_key(thrown)));
  } catch (const refusal& no) {
    return misfit(misfit_of<Value>(document, text::printable(no.reason()), {}));
  }
}
// Reads a Value, or says what does not fit, whatever its from_json throws.
template <JsonReadable Value>
result<Value, json_misfit> read_stored_json(const nlohmann::json& document) {
  try {
    return read_json<Value>(document);
  } catch (...) {
    return unexpected<json_misfit>(misfit_of<Value>(document, foreign_reason(), {}));
  }
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

// Finds a number that was cut in a value that was read from `given`. A to_json that throws tells nothing.
template <JsonWritable Value>
std::optional<json_misfit> find_cut_in(const nlohmann::json& given, const Value& value) {
  if (!may_be_cut(given)) return std::nullopt;
  std::optional<nlohmann::json> read;
  try {
    read.emplace(value);
  } catch (...) {
    static_cast<void>(foreign_reason());
    return std::nullopt;
  }
  auto found = find_cut(given, *read);
  if (found && !found->field.empty()) found->message = text::in_quotes(found->field) + ": " + found->message;
  return found;
}

// Returns what JSON cannot hold of a document, and where: text that is not UTF-8, NaN, infinity, bytes. nlohmann_json
// would throw, or write something else in its place. It also returns what decode would refuse, which is too many
// levels.
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

}  // namespace must::detail::coding
