// SPDX-License-Identifier: MIT
// An archive: the events of a bank in a deflated Avro file, which any reader of Avro opens, and its columns.
//
//   avro_archive [FILE]
#include <must/codec/json.hpp>
#include <must/must.hpp>
#include <must/storage/avro.hpp>

#include <cstdio>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <string>

struct Deposited {
  static constexpr auto type = "Deposited";
  std::string stream;
  must::tag_set tags;
  int amount;
};
void to_json(nlohmann::json& to, const Deposited& from) { to = {{"amount", from.amount}}; }
void from_json(const nlohmann::json& from, Deposited& to) { to.amount = from.at("amount").get<int>(); }

struct Deposit {
  std::string account, branch;
  int amount;

  static constexpr auto be_authorized = must::anyone;
  void be_valid() const { must::ensure(amount > 0, "the amount must be positive"); }
  Deposited be_translated_to_events() const { return {"account-" + account, {"branch:" + branch}, amount}; }
};

int main(int argc, char** argv) try {
  const std::string path = argc > 1 ? argv[1] : (std::filesystem::temp_directory_path() / "must_archive.avro").string();
  for (const char* end : {"", ".cells"}) std::remove((path + end).c_str());
  {
    must::avro_store store({.path = path, .codec = must::avro_codec::deflate});
    must::process_command(Deposit{"alice", "north", 100}, store);
    must::process_command(Deposit{"bob", "south", 30}, store);
    must::process_command(Deposit{"alice", "south", 5}, store);
  }
  // Later, or in another program:
  must::avro_store archive({.path = path, .mode = must::avro_mode::read_only});
  std::cout << "position  streamversion  subject        type       tags          data\n" << std::left;
  archive.read(must::query::all(), {}, [](const must::recorded<must::payload>& event) {
    std::cout << std::setw(10) << event.position << std::setw(15) << event.version.value << std::setw(15)
              << event.subject << std::setw(11) << event.type << std::setw(14) << *event.tags.begin()
              << event.data.bytes() << '\n';
  });
  const auto found = archive.verify();
  std::cout << found.head << " events in " << found.commits << " blocks are as they were written\n";
} catch (const must::exception& why) {
  std::cerr << why.what() << '\n';
  return 1;
}
