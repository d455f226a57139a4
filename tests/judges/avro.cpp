// SPDX-License-Identifier: MIT
// What judges/avro.py asks `must`: the schema, events in Avro that it reads, and what is read of the events that it
// writes.
//
// `schema` prints the schemas, `write` an event a line, in JSON and in hexadecimal Avro. `read` reads hexadecimal Avro,
// an event a line, and prints JSON.
#include "must/cloudevents/avro.hpp"
#include "must/avro/container.hpp"
#include "must/cloudevents.hpp"

#include <cstddef>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace ce = must::cloudevents;

namespace {

std::string to_hex(std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += {digits[byte >> 4U], digits[byte & 15U]};
  }
  return hex;
}
std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2)
    bytes += static_cast<char>(static_cast<unsigned char>(std::stoi(std::string(hex.substr(at, 2)), nullptr, 16)));
  return bytes;
}

std::vector<must::cloud_event> events() {
  must::cloud_event event;
  event.id = "1";
  event.source = "/s";
  event.type = "t";
  std::vector<must::cloud_event> all{event};
  event.subject = "\xE2\x82\xAC";
  event.dataschema = "https://example.com/schema";
  event.time = *must::timestamp::parse("2018-04-05T17:31:00.123+02:00");
  event.tags = {"a,b", "c"};
  event.extensions = {{"flag", true}, {"off", false}, {"n", -7}, {"most", 2147483647}, {"text", "t"}, {"empty", ""}};
  for (const auto& data : {must::payload("application/json", R"({"a":[1,null]})"), must::payload("text/plain", "x"),
                           must::payload("", std::string("\0\xff", 2)), must::payload::null("application/json"),
                           must::payload::absent("a/b")}) {
    event.data = data;
    all.push_back(event);
  }
  return all;
}

std::string file_of(const std::vector<must::cloud_event>& all) {
  must::detail::avro::container_header header;
  header.metadata = {{"avro.schema", ce::avro_schema()}, {"avro.codec", "null"}, {"made.by", "must"}};
  header.sync = "0123456789abcdef";
  std::string file;
  must::detail::avro::append_header(file, header);
  // A block of one event, and one of all the others.
  std::string others;
  for (std::size_t i = 1; i < all.size(); ++i) others += ce::to_avro(all[i]);
  must::detail::avro::append_block(file, {1, ce::to_avro(all.front())}, header.sync);
  must::detail::avro::append_block(file, {all.size() - 1, others}, header.sync);
  return file;
}

void print_file(std::string_view file) {
  must::detail::avro::decoder from(file);
  const auto header = must::detail::avro::take_header(from);
  std::cout << header.codec() << '\n';
  while (from.left() > 0) {
    auto block = must::detail::avro::take_block(from, header.sync);
    must::detail::avro::decoder objects(block.bytes);
    for (; block.count > 0; --block.count) std::cout << ce::to_json(ce::detail::take_avro_event(objects, {})) << '\n';
  }
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view asked = count > 1 ? arguments[1] : "";
  if (asked == "schema") {
    std::cout << ce::avro_schema() << '\n' << ce::avro_schema(ce::avro_record::cloud_event) << '\n';
  } else if (asked == "write") {
    for (const auto& event : events()) std::cout << ce::to_json(event) << '\n' << to_hex(ce::to_avro(event)) << '\n';
  } else if (asked == "read") {
    for (std::string line; std::getline(std::cin, line);) {
      const auto event = ce::try_from_avro(from_hex(line));
      std::cout << (event ? ce::to_json(*event) : event.error().message) << '\n';
    }
  } else if (asked == "write_file") {
    std::cout << to_hex(file_of(events())) << '\n';
  } else if (asked == "read_file") {
    std::string line;
    std::getline(std::cin, line);
    print_file(from_hex(line));
  } else {
    std::cerr << "avro schema | avro write | avro read | avro write_file | avro read_file\n";
    return 2;
  }
}
