// SPDX-License-Identifier: MIT
// Optimistic concurrency: what was decided on something that has changed is decided anew, or refused.
#include <must/must.hpp>
#include <must/storage/memory.hpp>

#include <array>
#include <iostream>
#include <string>
#include <thread>

struct Edited {
  static constexpr auto type = "Edited";
  std::string stream, text;
};

struct Page {
  using events = must::events<Edited>;
  std::string text;
  void apply(const Edited& edit) { text = edit.text; }
};

// Replaces what is there. Its caller says at which version, and it is refused at any other.
struct Replace {
  std::string page, text;

  auto depends_on() const { return must::stream<Page>(page); }
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Edited be_translated_to_events() const { return {page, text}; }
};

// Adds to whatever is there: when somebody else was faster, its rules run again on what is there now.
struct AddLine {
  std::string page;

  auto depends_on() const { return must::stream<Page>(page); }
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Edited be_translated_to_events(const Page& now) const { return {page, now.text + "\na line"}; }
};

int main() {
  must::memory_store<Edited> store;
  must::append(store, Edited{"welcome", "Hello"});
  const must::expected_version seen{store.version("welcome")};  // by Ann and by Bob

  const auto ann = must::process_command(Replace{"welcome", "Hello from Ann"}, store, seen);
  std::cout << "Ann: the page is at version " << *ann.version << '\n';
  if (const auto bob = must::try_process_command(Replace{"welcome", "Hello from Bob"}, store, seen); !bob)
    std::cout << "Bob: " << bob.error().message << '\n';

  std::array<std::thread, 4> authors;
  for (auto& author : authors)
    author = std::thread([&] {
      for (int line = 0; line < 25; ++line) must::process_command(AddLine{"welcome"}, store, must::attempts{1'000});
    });
  for (auto& author : authors) author.join();

  const auto page = must::load(store, must::stream<Page>("welcome"));
  std::cout << page.state.text.substr(0, page.state.text.find('\n')) << ", at version " << page.version << ", with "
            << (page.state.text.size() - std::string("Hello from Ann").size()) / std::string("\na line").size()
            << " lines more\n";
}
