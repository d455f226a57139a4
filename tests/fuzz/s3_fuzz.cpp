// SPDX-License-Identifier: MIT
// Fuzzes what a server of S3 answers: its XML and its headers are read within bounds, and alike each time.
#include "fuzz.hpp"

#include "must/storage/objects/s3/answers.hpp"

using fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace s3 = must::detail::s3;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::size_t texts = 0;
  static_cast<void>(s3::xml_reader(bytes).read([&](std::string_view path, std::string_view text) {
    texts += text.size();
    expect(!path.empty() && path.size() <= size, "a path is larger than the document can make it");
  }));
  expect(texts <= size, "the texts are larger than the document can make them");
  if (const auto all = s3::list_in(bytes)) {
    std::size_t keys = all->continuation.size();
    for (const auto& one : all->page.objects) keys += one.key.size();
    expect(keys <= size, "the keys are larger than the document can make them");
  }
  must::detail::http::response answer;
  answer.status = 404;
  answer.body = bytes;
  answer.headers = {{"ETag", std::string(bytes)}, {"Content-Range", std::string(bytes)}};
  const auto why = s3::refusal_in(answer);
  expect(why.code.size() + why.message.size() <= size, "a refusal is larger than the document can make it");
  expect(!why.is_cut || why.code.empty(), "a refusal that is cut has a code");
  expect(s3::etag_in(answer).size() <= size, "an etag is larger than its header");
  const auto range = s3::range_in(answer);
  expect(!range.last || bytes.starts_with("bytes "), "a range comes from nowhere");
  if (const auto text = s3::url_decoded(bytes)) expect(text->size() <= size, "a text grows when it is decoded");
  return 0;
}
