// SPDX-License-Identifier: MIT
// import: stores the events of an Avro file that another system, or a store of `must`, has written.
#pragma once

#include "must/avro/decode.hpp"
#include "must/cloudevents/canonical.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/storage.hpp"
#include "must/storage/avro_import/container_file.hpp"
#include "must/storage/avro_import/event_forms.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/text/quoted.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace must {

/// An Avro container file to import events from.
struct avro_file {
  /// The path of the file.
  std::string path{};
  /// The types of extensions that Avro does not tell, by name. \see cloudevents::from_avro
  cloudevents::declared_types types{};
  /// The largest number of events that a BatchStorage gets at once: 1 or more.
  std::size_t batch = 1'000;
  /// The largest size of a block in bytes, before and after it is inflated.
  std::size_t block_bytes = std::size_t{64} << 20U;
};

/// What an import has done.
struct imported {
  /// The number of events of the file, all of which are stored.
  std::uint64_t events = 0;
  /// The highest position of them in the store. It is 0 for a file without events.
  position last = 0;
};

namespace detail::importing {

// Stores events in order, each as an append of its own, so that the same import again finds each of them.
template <typename S>
class importer {
 public:
  importer(S& store, const avro_file& file) : store_(store), file_(file) {}

  imported run() {
    try {
      container_file from(file_.path, file_.block_bytes);
      const auto form = form_of(from.read_header().schema());
      file_block block;
      while (from.next(block)) read(block, form);
      store();
    } catch (const avro::malformed& flaw) {
      refuse(std::string(flaw.what()) + " at byte " + std::to_string(flaw.offset()));
    }
    return done_;
  }

 private:
  struct place {
    std::uint64_t block, number;  // The offset of the block, and which of its events it is, from 1.
  };

  void read(const file_block& block, event_form form) {
    place at{block.offset, 1};
    try {
      each_event(form, block.objects, block.count, file_.types, [&](std::uint64_t number, cloud_event event) {
        bytes_ += kit::event_bytes(event);
        events_.push_back(std::move(event));
        places_.push_back({block.offset, number});
        at.number = number + 1;
        if (events_.size() >= file_.batch || bytes_ >= most_bytes) store();
      });
    } catch (const avro::malformed& flaw) {
      refuse(of(at) + flaw.what() + " at byte " + std::to_string(flaw.offset()) + " of its objects");
    } catch (const bad_input& thrown) {
      if (is_of_store_) throw;
      refuse(of(at) + thrown.error().message, thrown.error());
    }
  }
  // Stores what was read.
  void store() {
    is_of_store_ = true;
    if constexpr (BatchStorage<S>) {
      std::vector<batch_item<payload>> items;
      items.reserve(events_.size());
      for (auto& event : events_) items.push_back({std::span(&event, 1), {}});
      std::vector<result<append_result>> results;
      if (!items.empty()) said(0, [&] { results = store_.append_batch(items); });
      for (std::size_t i = 0; i < results.size(); ++i)
        said(i, [&] {
          if (!results[i]) raise(results[i].error());
          count(results[i]->value());
        });
    } else {
      for (std::size_t i = 0; i < events_.size(); ++i)
        said(i, [&] { count(store_.append(std::span(&events_[i], 1), append_condition{}).value()); });
    }
    is_of_store_ = false;
    events_.clear();
    places_.clear();
    bytes_ = 0;
  }
  void count(const appended& one) {
    ++done_.events;
    if (one.last > done_.last) done_.last = one.last;
  }
  // Calls what stores an event. An error of it tells where the event stands.
  template <typename Store>
  void said(std::size_t i, Store&& store_one) {
    try {
      store_one();
    } catch (const exception& thrown) {
      auto why = thrown.error();
      why.message = in_file() + of(places_[i]) + why.message + so_far();
      raise(std::move(why));
    }
  }
  // Refuses the file, after what was read before is stored.
  [[noreturn]] void refuse(const std::string& what, error why = {.code = error_code::bad_input, .field = "file"}) {
    store();
    why.message = in_file() + what + so_far();
    raise(std::move(why));
  }
  [[nodiscard]] std::string in_file() const { return "import: the file " + text::in_quotes(file_.path) + " "; }
  [[nodiscard]] static std::string of(const place& at) {
    return "in the event " + std::to_string(at.number) + " of the block at byte " + std::to_string(at.block) + ": ";
  }
  [[nodiscard]] std::string so_far() const {
    return "; " + std::to_string(done_.events) + " events were imported before";
  }

  static constexpr std::size_t most_bytes = std::size_t{4} << 20U;

  S& store_;
  const avro_file& file_;
  imported done_{};
  std::vector<cloud_event> events_{};
  std::vector<place> places_{};
  std::size_t bytes_ = 0;
  bool is_of_store_ = false;  // Whether what is thrown comes from the store.
};

}  // namespace detail::importing

/// Stores the events of an Avro file, in their order: `must::import(store, must::avro_file{"orders.avro"});`.
///
/// It reads CloudEvents' Avro format, the compact one too, and files of `must`, with the codecs null and deflate. The
/// events keep everything but the position, the version and the time of another store. Each is an append of its own
/// under no condition: an import that has ended in an error is done again from the start, and stores no event twice.
/// The memory that it takes is bounded by `block_bytes`.
/// \throws bad_input  when the file is none of these, or damaged. What stands before the damage is stored. The message
///                    tells the byte and how many events that are.
/// \throws storage_error  when the file cannot be read
/// \throws exception  what append() of the store throws. Events of the same batch that stand behind may be stored.
template <typename S>
imported import(S&& store, const avro_file& file) {
  using type = std::remove_reference_t<S>;
  constexpr bool is_storage = Storage<type>;
  static_assert(is_storage, "must: the first argument of import is not a Storage: import(store, avro_file{path})");
  if constexpr (is_storage) {
    static_assert(std::is_same_v<typename type::data_type, payload>,
                  "must: import needs a store whose data is must::payload");
    return detail::importing::importer<type>(store, file).run();
  } else {
    return {};
  }
}

}  // namespace must
