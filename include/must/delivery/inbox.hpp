// SPDX-License-Identifier: MIT
// inbox: does the work of a receiver once for each event, in one transaction with the note that the event was received.
#pragma once

#include "must/detail/digest.hpp"
#include "must/limits.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/storage/transactional.hpp"
#include "must/stored_names.hpp"
#include "must/timestamp.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace must {

/// Does the work of a receiver once for each event, however often the event arrives.
///
/// The note of an event that was received, by source and id, is a cell of the store. It is stored in the transaction
/// that the work writes in, and kept until forget_before removes it. Of threads and processes that receive one event at
/// once, one does the work.
/// must::deduplicator needs no store. \see CloudEvents 1.0.2, "id"
template <TransactionalStorage S>
  requires CellStorage<S>
class inbox {
 public:
  using transaction = typename S::transaction;  ///< The type of the transaction that the work runs in.

  /// Makes an inbox for one receiver.
  /// \param storage  the store that keeps the notes, which outlives the inbox
  /// \param name     the name of the receiver, 1 to 400 bytes, or fewer when many are "/", "@" or "%". Each name has
  ///                 notes of its own.
  /// \throws bad_input  when the name is out of range
  inbox(S& storage, const std::string& name) : storage_(&storage), notes_(stored_names::inbox(name)) {
    kit::check_name("name", name);
    if (name.size() > 400) kit::refuse_input("name", "is longer than 400 bytes");
    constexpr std::size_t digest_bytes = 64;
    if (notes_.now.size() + digest_bytes > limits{}.name_bytes)
      kit::refuse_input("name",
                        "is too long, as \"/\", \"@\" and \"%\" take three bytes each in the keys of its notes");
  }

  /// Calls `work(transaction&)` for an event that is new.
  /// \returns whether the event was new. When it was not, nothing is called.
  /// \throws ...  what the work throws. Then nothing is written, and the event stays new.
  /// \throws storage_error  when the store fails
  /// \throws outcome_unknown  when it is not known whether the work is stored. The same call again finds out.
  template <typename Work>
  bool receive(std::string_view source, std::string_view id, Work&& work) {
    const auto digest = detail::content_digest(std::pair(std::string(source), std::string(id)));
    if (notes_.has_former() && storage_->get(notes_.former + digest)) return false;
    return storage_->put_with(notes_.now + digest, now(), 0, [&](transaction& in) { work(in); });
  }
  /// Calls `work(transaction&)` for an event that is new, as receive does by source and id.
  template <typename Data, typename Work>
  bool receive(const basic_event<Data>& event, Work&& work) {
    return receive(event.source, event.id, std::forward<Work>(work));
  }

  /// Removes the notes of events that were received before a time, by the clock of the store, so that they take no
  /// room for ever.
  ///
  /// An event whose note is removed is new when it arrives again: its work is done twice. So the time has to lie
  /// further back than any sender repeats an event, and than any relay or queue holds one back. A note that an earlier
  /// release wrote has no time, and counts as written at the first call. The call reads each note.
  /// \returns the number of notes that were removed
  /// \throws storage_error  when the store fails. Some notes may be removed then.
  std::size_t forget_before(timestamp time)
    requires CellRemovalStorage<S>
  {
    return forget_before(time, notes_.now) + (notes_.has_former() ? forget_before(time, notes_.former) : 0);
  }

 private:
  std::size_t forget_before(timestamp time, const std::string& prefix) {
    std::size_t removed = 0;
    for (const auto& key : storage_->list(prefix)) {
      if (key.find('/', prefix.size()) != key.npos) continue;  // It is of a receiver whose name begins so.
      const auto note = storage_->get(key);
      if (!note) continue;
      std::int64_t at = 0;
      const auto* const end = note->bytes.data() + note->bytes.size();
      if (std::from_chars(note->bytes.data(), end, at).ptr != end || note->bytes.empty())
        static_cast<void>(storage_->put(key, now(), note->revision));
      else if (at < time.microseconds && storage_->remove(key, note->revision))
        ++removed;
    }
    return removed;
  }
  [[nodiscard]] std::string now() const { return std::to_string(storage_->origin().clock->now().microseconds); }

  S* storage_;
  stored_names::name notes_;
};

}  // namespace must
