// SPDX-License-Identifier: MIT
// Fuzzes the small texts: timestamps, URIs, media types, base64, names. What is read is written as it was.
#include "fuzz.hpp"

#include "must/storage/kit/validate.hpp"
#include "must/text/base64.hpp"
#include "must/text/media_type.hpp"
#include "must/text/uri.hpp"
#include "must/timestamp.hpp"

using fuzz::expect;

namespace {

void timestamps(std::string_view text) {
  const auto read = must::timestamp::parse(text);
  if (!read) {
    expect(must::detail::text::is_utf8(read.error().message), "a refusal is not UTF-8");
    expect(read.error().message.size() < 200, "a refusal is too long");
    return;
  }
  std::string upper(text);
  for (char& c : upper)
    if (c == 't' || c == 'z') c = static_cast<char>(c - 'a' + 'A');
  expect(read->to_string() == upper, "a timestamp is written as another text");
}

void uris(std::string_view text) {
  const bool is_reference = must::detail::text::is_uri_reference(text),
             is_absolute = must::detail::text::is_absolute_uri(text);
  expect(!is_absolute || is_reference, "an absolute URI is no reference");
  if (is_absolute) {
    expect(must::detail::text::is_uri_reference(std::string(text) + "#f"), "a fragment spoils a URI");
    expect(!must::detail::text::is_absolute_uri(std::string(text) + "#f"), "an absolute URI has a fragment");
  }
  if (is_reference && !text.starts_with("//") && must::detail::text::scheme_length(text) == 0)
    expect(must::detail::text::is_uri_reference("a:" + std::string(text)), "a scheme spoils a relative reference");
  if (is_reference)
    for (const char c : text) expect(c > ' ' && c < '\x7F', "a URI has a character that is not printable ASCII");
}

void media_types(std::string_view text) {
  const bool is_one = must::detail::text::is_media_type(text);
  if (is_one) expect(must::detail::text::is_media_type(std::string(text) + "; a=b"), "a parameter spoils a media type");
  if (is_one && must::detail::text::is_json_media_type(text))
    expect(must::detail::text::is_json_media_type(std::string(text) + ";a=b"), "a parameter hides that it is JSON");
}

void base64(std::string_view bytes) {
  expect(must::detail::text::from_base64(must::detail::text::to_base64(bytes)) == bytes, "base64 loses bytes");
  if (const auto decoded = must::detail::text::from_base64(bytes))
    expect(must::detail::text::to_base64(*decoded) == bytes, "two texts are the base64 of the same bytes");
}

void names(std::string_view text) {
  const bool is_good = !text.empty() && text.size() <= 512 && text.find('\0') == std::string_view::npos &&
                       must::detail::text::is_utf8(text);
  try {
    must::kit::check_name("name", text);
    expect(is_good, "a bad name is accepted");
  } catch (const must::bad_input& thrown) {
    expect(!is_good, "a good name is refused");
    expect(must::detail::text::is_utf8(thrown.what()), "a refusal is not UTF-8");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  timestamps(text);
  uris(text);
  media_types(text);
  base64(text);
  names(text);
  return 0;
}
