// SPDX-License-Identifier: MIT
// What a server of S3 says: why it refuses a request, and which objects there are.
#pragma once

#include "must/http/message.hpp"
#include "must/storage/objects.hpp"
#include "must/storage/objects/s3/xml.hpp"
#include "must/text/uri.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace must::detail::s3 {

// The code is the service's, such as "NoSuchBucket". It is empty when the answer is not of S3's making.
struct refusal_of_service {
  std::string code{}, message{}, region{};
  // The answer looks like a part of one.
  bool is_cut = false;
};

inline refusal_of_service refusal_in(const http::response& answer) {
  refusal_of_service why;
  bool is_error = false;
  const bool is_whole = xml_reader(answer.body).read([&](std::string_view path, std::string_view text) {
    if (path == "Error/Code") why.code = text;
    if (path == "Error/Message") why.message = text;
    if (path == "Error/Region") why.region = text;
    is_error = path == "Error";
  });
  if (!is_whole || !is_error) why = {};
  why.is_cut =
      !is_whole && (answer.body.empty() ? answer.status == 404
                                        : answer.body.starts_with("<?xml") || answer.body.starts_with("<Error"));
  if (why.region.empty()) why.region = answer.value_of("x-amz-bucket-region");
  return why;
}

inline std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Decodes what "encoding-type=url" encodes: percent signs, and '+' for a blank.
inline std::optional<std::string> url_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      decoded += text[at] == '+' ? ' ' : text[at];
      continue;
    }
    unsigned byte = 0;
    if (at + 2 >= text.size() || !text::is_hex_digit(text[at + 1]) || !text::is_hex_digit(text[at + 2]))
      return std::nullopt;
    std::from_chars(text.data() + at + 1, text.data() + at + 3, byte, 16);
    decoded += static_cast<char>(static_cast<unsigned char>(byte));
    at += 2;
  }
  return decoded;
}

struct listed {
  object_page page{};
  // What asks for the next page where this one is not complete.
  std::string continuation{};
};

// Returns nothing when the text is no list of objects.
inline std::optional<listed> list_in(std::string_view xml) {
  listed all;
  object_entry current;
  bool has_key = false, has_size = false, is_list = false, is_good = true, is_encoded = false;
  const auto visit = [&](std::string_view path, std::string_view text) {
    is_list = path == "ListBucketResult";
    if (path == "ListBucketResult/EncodingType") is_encoded = text == "url";
    if (path == "ListBucketResult/IsTruncated") all.page.complete = text != "true";
    if (path == "ListBucketResult/NextContinuationToken") all.continuation = text;
    if (path == "ListBucketResult/Contents/Key") current.key = text, has_key = true;
    if (path == "ListBucketResult/Contents/Size") {
      const auto size = number_in(text);
      has_size = size.has_value();
      current.size = size.value_or(0);
    }
    if (path == "ListBucketResult/Contents") {
      is_good = is_good && has_key && has_size;
      all.page.objects.push_back(std::exchange(current, {}));
      has_key = has_size = false;
    }
  };
  if (!xml_reader(xml).read(visit) || !is_list || !is_good) return std::nullopt;
  // The element that says whether keys are encoded may stand behind them.
  if (is_encoded)
    for (auto& one : all.page.objects) {
      auto key = url_decoded(one.key);
      if (!key) return std::nullopt;
      one.key = *std::move(key);
    }
  return all;
}

// Returns an etag without the quotes that some servers write around it.
inline std::string_view etag_in(const http::response& answer) {
  auto etag = answer.value_of("etag");
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"')) etag = etag.substr(1, etag.size() - 2);
  return etag;
}

// Returns the first byte and the size of the whole from "bytes 0-9/100", or only the size from "bytes */100".
struct content_range {
  std::optional<std::uint64_t> first{}, last{}, size{};
};
inline content_range range_in(const http::response& answer) {
  auto text = answer.value_of("content-range");
  if (!text.starts_with("bytes ")) return {};
  text.remove_prefix(6);
  const auto slash = text.find('/');
  if (slash == text.npos) return {};
  const auto part = text.substr(0, slash);
  const auto dash = part.find('-');
  content_range range{.size = number_in(text.substr(slash + 1))};
  if (dash != part.npos) {
    range.first = number_in(part.substr(0, dash));
    range.last = number_in(part.substr(dash + 1));
  }
  return range;
}

}  // namespace must::detail::s3
