// SPDX-License-Identifier: MIT
// durable_store: objects that are damaged, storages that do not refuse what they must, and cells that race.
#include "must/storage/durable.hpp"

#include "stores/durable_events.hpp"
#include "stores/objects_in_memory.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using must_test::answer;
using must_test::error_of;
using must_test::ids_of;
using must_test::numbers;
using must_test::objects_in_memory;
using must_test::put_some;
using must_test::quick;
using store_type = must::durable_store<objects_in_memory>;

// A storage that stores whatever it is asked to store, as some servers do.
struct careless_objects : objects_in_memory {
  enum class to : std::uint8_t { absence, etags };
  careless_objects(objects_in_memory on, to what) : objects_in_memory(std::move(on)), what_(what) {}
  must::object_put put_if_absent(std::string_view key, std::string_view bytes) {
    if (what_ == to::absence) remove(key);
    return objects_in_memory::put_if_absent(key, bytes);
  }
  must::object_put put_if_match(std::string_view key, std::string_view bytes, std::string_view etag) {
    if (what_ != to::etags) return objects_in_memory::put_if_match(key, bytes, etag);
    remove(key);
    return objects_in_memory::put_if_absent(key, bytes);
  }

 private:
  to what_;
};

// What a store on these objects gives: the ids of its events, or the message of the error that a read or the opening
// has thrown. A wrong event shows in the text.
struct outcome {
  std::string ids{};
  std::string error{};
};
outcome outcome_of(const std::map<std::string, std::string, std::less<>>& all) {
  objects_in_memory objects;
  objects.set_objects(all);
  try {
    store_type store(objects, quick());
    return {ids_of(store), {}};
  } catch (const must::storage_error& why) {
    return {{}, why.error().message};
  }
}

}  // namespace

TEST_CASE("durable_store: Z1 an object that is cut or flipped at any byte is named, or reads as it was written",
          "[storage][durable]") {
  objects_in_memory objects;
  {
    store_type store(objects, quick(0, 400));
    put_some(store, 1, 3);
    static_cast<void>(store.compact());
    put_some(store, 4, 1);
  }
  const auto whole = objects.objects();
  const auto expected = numbers(1, 4);
  REQUIRE(outcome_of(whole).ids == expected);
  std::size_t found = 0, read = 0;
  for (const auto& [key, bytes] : whole) {
    if (key.starts_with("log/") && key != objects.keys("log/").back()) continue;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      // The schema is long, and all of its bytes are compared at once.
      if (at > 200 && at + 1'000 < bytes.size() && at % 40 != 0) continue;
      for (const bool cuts : {false, true}) {
        auto damaged = whole;
        auto& object = damaged[key];
        if (cuts)
          object.resize(at);
        else
          object[at] = static_cast<char>(object[at] ^ (1 << (at % 8)));
        const auto now = outcome_of(damaged);
        const bool is_named = now.error.find(key) != std::string::npos;
        INFO(key << (cuts ? " cut" : " flipped") << " at byte " << at << ": " << now.error << now.ids);
        const bool is_right = now.error.empty() ? now.ids == expected : is_named;
        REQUIRE(is_right);
        ++(is_named ? found : read);
      }
    }
  }
  CHECK(found > 3'000);
  CHECK(read < 100);
}

TEST_CASE("durable_store: an object that is gone is named, whichever it is", "[storage][durable]") {
  objects_in_memory objects;
  {
    store_type store(objects, quick(0, 400));
    put_some(store, 1, 4);
    static_cast<void>(store.compact());
    put_some(store, 5, 3);
  }
  const auto whole = objects.objects();
  const auto without = [&](const std::string& key) {
    auto some = whole;
    some.erase(key);
    return outcome_of(some);
  };
  CHECK(without("manifest.json").error ==
        "the object manifest.json is damaged: it is not there, but objects of a log are");
  CHECK(without("log/00000000000000000005.avro").error ==
        "the object log/00000000000000000005.avro is damaged: it is not there, but log/00000000000000000006.avro is");
  CHECK(without("log/00000000000000000007.avro").ids == numbers(1, 6));  // nothing tells that there was one
  CHECK(without(objects.keys("seg/").front()).error ==
        "the object manifest.json is damaged: a segment that it names is not there");
}

TEST_CASE("durable_store: objects in each other's place are not taken for what they are not", "[storage][durable]") {
  objects_in_memory objects;
  {
    store_type store(objects, quick(0, 400));
    put_some(store, 1, 4);
  }
  auto swapped = objects.objects();
  std::swap(swapped["log/00000000000000000002.avro"], swapped["log/00000000000000000003.avro"]);
  CHECK(outcome_of(swapped).error ==
        "the object log/00000000000000000002.avro is damaged: its commit begins at position 3");
}

TEST_CASE("durable_store: a manifest of a later format is refused with a sentence", "[storage][durable]") {
  objects_in_memory objects;
  { const store_type store(objects, quick()); }
  auto all = objects.objects();
  auto& text = all["manifest.json"];
  text.replace(text.find("\"format\": 1"), 11, "\"format\": 9");
  CHECK(outcome_of(all).error == "the object manifest.json is damaged: its content has another CRC-32C");
  const auto at = text.rfind(",\n");
  text = text.substr(0, at) + ",\n  \"crc32c\": " + std::to_string(must::detail::crc32c(text.substr(0, at))) + "\n}\n";
  CHECK(outcome_of(all).error ==
        "open: the log of the object manifest.json cannot be used: the schema needs a writer of version 9 at least; "
        "this release of must writes version 1");
}

TEST_CASE("durable_store: a storage that stores under a condition that does not hold is refused",
          "[storage][durable]") {
  objects_in_memory objects;
  using careless_store = must::durable_store<careless_objects>;
  auto why = error_of<must::storage_error>(
      [&] { careless_store store(careless_objects(objects, careless_objects::to::absence), quick()); });
  CHECK(why.message ==
        "open: the storage of objects puts a key twice when it is to be put if it is absent, so that two writers could "
        "both win");
  CHECK(why.backend_code == "unconditional");
  why = error_of<must::storage_error>(
      [&] { careless_store store(careless_objects(objects, careless_objects::to::etags), quick()); });
  CHECK(why.message.find("replaces an object whose etag is another") != std::string::npos);
  CHECK(objects.keys("manifest").empty());
}

TEST_CASE("durable_store: a storage that denies a request is an error that names the key, and nothing is stored",
          "[storage][durable]") {
  objects_in_memory objects;
  store_type store(objects, quick());
  put_some(store, 1, 2);
  objects.answer_by([](const auto& of) { return of.operation == "put_if_absent" ? answer::denied : answer::given; });
  const auto why = error_of<must::storage_error>([&] { put_some(store, 3, 1); });
  CHECK(why.message == "put_if_absent: the storage denies log/00000000000000000003.avro");
  CHECK_FALSE(why.retryable);
  objects.answer_by({});
  put_some(store, 3, 1);
  CHECK(ids_of(store) == numbers(1, 3));
  objects.answer_by([](const auto&) { return answer::denied; });
  CHECK_THROWS_AS(store.head(), must::storage_error);
  CHECK_THROWS_AS(store.get("cell"), must::storage_error);
  CHECK_THROWS_AS(store_type(objects, quick()), must::storage_error);
}

TEST_CASE("durable_store: a cell of any name has its revisions, is listed, and is gone when it is removed",
          "[storage][durable]") {
  objects_in_memory objects;
  store_type store(objects, quick()), other(objects, quick());
  const std::vector<std::string> names{
      "a", "a/b%2F c", "a\x01\x7F", "\xC3\xA4", std::string(512, '/'), std::string(511, '/') + "b", "sha256.", ".."};
  for (const auto& name : names) {
    INFO(name);
    CHECK_FALSE(store.get(name));
    CHECK(store.put(name, "1", 0));
    CHECK_FALSE(other.put(name, "other", 0));
    CHECK(other.get(name) == must::cell{"1", 1});
    CHECK(other.put(name, "2", 1));
    CHECK_FALSE(store.put(name, "late", 1));
    CHECK(store.put(name, std::string("3\0", 2), 2));
    CHECK(other.get(name) == must::cell{std::string("3\0", 2), 3});
    CHECK_FALSE(other.remove(name, 2));
  }
  auto sorted = names;
  std::sort(sorted.begin(), sorted.end());
  CHECK(store.list("") == sorted);
  CHECK(store.list("a") == std::vector<std::string>{"a", "a\x01\x7F", "a/b%2F c"});
  CHECK(store.list(std::string(511, '/')).size() == 2);
  for (const auto& name : names) {
    CHECK(other.remove(name, 3));
    CHECK_FALSE(store.remove(name, 3));
    CHECK_FALSE(store.get(name));
    CHECK_FALSE(store.put(name, "late", 3));
    CHECK(store.put(name, "again", 0));
    CHECK(other.get(name) == must::cell{"again", 1});
  }
  const auto before = objects.counts();
  CHECK(store.put("a", "more", 1));
  CHECK(objects.counts().all() == before.all() + 1);
}

TEST_CASE("durable_store: a put of a cell whose answer is lost is settled by what is stored", "[storage][durable]") {
  objects_in_memory objects;
  auto options = quick();
  options.log.timeout = must::duration(50'000);
  store_type store(objects, options), other(objects, options);
  CHECK(store.put("a", "1", 0));
  int puts = 0;
  const auto first = GENERATE(answer::forgotten, answer::dropped, answer::busy);
  objects.answer_by(
      [&](const auto& of) { return of.operation.starts_with("put") && puts++ == 0 ? first : answer::given; });
  CHECK(store.put("a", "2", 1));
  CHECK(other.get("a") == must::cell{"2", 2});
  puts = 0;
  CHECK(store.remove("a", 2));
  CHECK_FALSE(other.get("a"));

  // Another is put behind one whose answer is lost: nothing tells then whose put the last but one was.
  objects.answer_by({});
  CHECK(store.put("b", "1", 0));
  puts = 0;
  objects.answer_by([&](const auto& of) {
    return of.operation == "put_if_match" && puts++ == 0 ? answer::forgotten : answer::given;
  });
  objects.before_each([&](const auto& of) {
    if (puts != 1 || of.operation != "get") return;
    puts = 2;
    CHECK(other.put("b", "3", 2));
  });
  CHECK_THROWS_AS(store.put("b", "2", 1), must::outcome_unknown);
}

TEST_CASE("durable_store: cells that many threads count up lose nothing in a storage that does not always answer",
          "[storage][durable][race]") {
  objects_in_memory objects;
  store_type first(objects, quick()), second(objects, quick());
  std::atomic<int> failures{0}, unknown{0}, done{0};
  objects.answer_by(must_test::random_answers(7));
  {
    std::vector<std::jthread> counting;
    for (int i = 0; i < 4; ++i)
      counting.emplace_back([&, i] {
        auto& store = i % 2 == 0 ? first : second;
        for (int round = 0; round < 10;) {
          try {
            const auto known = store.get("count").value_or(must::cell{"0", 0});
            if (!store.put("count", std::to_string(std::stoi(known.bytes) + 1), known.revision)) continue;
            ++done;
            ++round;
          } catch (const must::outcome_unknown&) {
            ++unknown;
            ++round;
          } catch (...) {
            ++failures;
            break;
          }
        }
      });
  }
  objects.answer_by({});
  CHECK(failures == 0);
  const auto counted = std::stoi(first.get("count")->bytes);
  CHECK(counted >= done);
  CHECK(counted <= done + unknown);
}

TEST_CASE("durable_store: a damaged cell is named", "[storage][durable]") {
  objects_in_memory objects;
  store_type store(objects, quick());
  CHECK(store.put("a", "the bytes", 0));
  const auto whole = objects.objects();
  for (std::size_t at = 0; at < whole.at("cells/a").size(); ++at)
    for (const bool cuts : {false, true}) {
      if (cuts && at == 0) continue;  // an object without bytes is a cell that was removed
      auto damaged = whole;
      if (cuts)
        damaged["cells/a"].resize(at);
      else
        damaged["cells/a"][at] ^= 4;
      objects.set_objects(damaged);
      const auto why = error_of<must::storage_error>([&] { static_cast<void>(store.get("a")); });
      CHECK(why.message.find("the object cells/a is damaged") == 0);
    }
}
