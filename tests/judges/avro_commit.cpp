// SPDX-License-Identifier: MIT
// What judges/avro_commit.py asks `must`: `PATH null` and `PATH deflate` write a file of commits, as a log of `must`
// does, and print each event that is in it as JSON, with the names of the fields.
#include "must/storage/log/avro_commit.hpp"
#include "must/avro/container.hpp"
#include "must/avro/deflate.hpp"
#include "must/text/json_text.hpp"

#include <cstdint>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::vector<must::commit> commits() {
  std::vector<must::commit> made(2);
  must::recorded<must::payload> event;
  event.source = "/bank";
  event.type = "Deposited";
  for (must::position at = 1; at <= 5; ++at) {
    event.id = "id-" + std::to_string(at);
    made[at <= 2 ? 0 : 1].events.push_back(event);
  }
  auto& first = made[0].events[0];
  first.subject = "caf\xC3\xA9";
  first.version = 1;
  first.dataschema = "https://example.com/schema";
  first.time = must::timestamp{.microseconds = 1'790'000'000'000'001, .digits = 6};
  first.tags = {"account:1", "branch:7"};
  first.extensions = {{"flag", true}, {"n", -7}, {"bytes", must::binary{std::string("\0\xFF", 2)}}, {"text", "t"}};
  first.data = must::payload("application/json", R"({"amount":5})");
  made[0].events[1].data = must::payload("application/octet-stream", std::string("\0\x80\xFF", 3));
  made[1].events[0].data = must::payload::null("application/json");
  made[1].events[1].data = must::payload::erased({"asked", {.microseconds = 1, .digits = 6}}, "text/plain");
  made[1].events[2].time = *must::timestamp::parse("2018-04-05T17:31:00.123+02:00");
  must::position next = 1;
  for (auto& one : made) {
    one.first = next;
    one.id = "commit-" + std::to_string(next);
    one.writer = "judge";
    one.time = {.microseconds = 1'790'000'000'000'002, .digits = 6};
    one.appends = {static_cast<std::uint32_t>(one.events.size())};
    one.crc = must::crc_of(one);
    next += one.events.size();
  }
  return made;
}

// Writes members of a JSON object. Bytes are characters of Latin-1, as Avro writes them in JSON.
class json_line {
 public:
  void text(std::string_view name, std::string_view value, bool is_there = true) {
    begin(name);
    if (is_there)
      must::detail::text::append_json_string(line_, value);
    else
      line_ += "null";
  }
  void bytes(std::string_view name, std::string_view value, bool is_there) {
    std::string latin;
    for (const char c : value) must::detail::text::append_utf8(latin, static_cast<unsigned char>(c));
    text(name, latin, is_there);
  }
  void number(std::string_view name, std::int64_t value, bool is_there = true) {
    begin(name);
    line_ += is_there ? std::to_string(value) : "null";
  }
  void texts(std::string_view name, const must::tag_set& values) {
    begin(name);
    line_ += '[';
    for (const auto& value : values) {
      if (line_.back() != '[') line_ += ',';
      must::detail::text::append_json_string(line_, value);
    }
    line_ += ']';
  }
  [[nodiscard]] std::string take() && { return line_ + "}"; }

 private:
  void begin(std::string_view name) {
    if (line_.size() > 1) line_ += ',';
    must::detail::text::append_json_string(line_, name);
    line_ += ':';
  }
  std::string line_ = "{";
};

std::string line_of(const must::commit& of, std::size_t number) {
  const auto& event = of.events[number];
  const auto state = event.data.state();
  json_line line;
  line.text("id", event.id);
  line.text("source", event.source);
  line.text("type", event.type);
  line.text("datacontenttype", event.data.content_type(), !event.data.content_type().empty());
  line.text("dataschema", event.dataschema, !event.dataschema.empty());
  line.text("subject", event.subject, !event.subject.empty());
  line.number("time", event.time ? event.time->microseconds : 0, event.time.has_value());
  line.bytes("data", state == must::payload::kind::null ? "null" : event.data.bytes(),
             state == must::payload::kind::null || state == must::payload::kind::present);
  line.number("position", static_cast<std::int64_t>(of.first + number));
  line.number("streamversion", static_cast<std::int64_t>(event.version.value));
  line.number("recordedtime", of.time.microseconds);
  line.texts("tags", event.tags);
  return std::move(line).take();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::cerr << "avro_commit PATH null | avro_commit PATH deflate\n";
    return 2;
  }
  must::detail::avro::container_header header;
  header.metadata = {{"avro.schema", std::string(must::detail::log::commit_schema)}, {"avro.codec", arguments[2]}};
  header.sync = "0123456789abcdef";
  std::string file;
  must::detail::avro::append_header(file, header);
  for (const auto& one : commits()) {
    auto objects = must::detail::log::encode_commit(one);
    if (header.codec() == "deflate") objects = must::detail::avro::deflater().deflate(objects);
    must::detail::avro::append_block(file, {one.events.size(), objects}, header.sync);
    for (std::size_t i = 0; i < one.events.size(); ++i) std::cout << line_of(one, i) << '\n';
  }
  std::ofstream(arguments[1], std::ios::binary) << file;
}
