#include "hub/search/index.h"

#include <fcntl.h>
#include <unistd.h>
#include <xapian.h>

#include <algorithm>
#include <filesystem>

#include "common/base/check.h"
#include "common/base/encoding.h"
#include "common/log/log.h"
#include "common/runtime/descriptor.h"
#include "hub/search/format.h"
#include "hub/search/terms.h"

namespace noroshi::search {
namespace {

constexpr size_t kMarkerBytesMax = 256;
constexpr char kBootIdFile[] = "/proc/sys/kernel/random/boot_id";

std::string OpenedFile(const std::string& folder) { return folder + "/opened"; }
std::string ClosedFile(const std::string& folder) { return folder + "/closed"; }

// Of this format, and of this start of the machine.
Result<std::string> Heading(FileSystem* files) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string boot, files->Read(kBootIdFile, kMarkerBytesMax));
  return "noroshi search " + std::to_string(kFormat) + " " + boot;
}

// Whether what lies there is whole: nothing was synced while it was open.
bool IsOfUse(const std::string& folder, const std::string& heading, FileSystem* files) {
  if (!files->Exists(DatabaseFolder(folder))) return false;
  const auto opened = files->Read(OpenedFile(folder), kMarkerBytesMax);
  if (!opened.ok()) return false;
  if (*opened == heading) return true;
  const std::string format = heading.substr(0, heading.rfind(' '));
  return opened->starts_with(format + ' ') && files->Exists(ClosedFile(folder));
}

Result<void> SyncFile(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() >= 0 && ::fsync(file.get()) == 0) return {};
  return Error{ErrorCode::kIo, "sync " + path};
}

std::string UniqueTerm(const Object& object) {
  return MarkedTerm(Mark::kUnique, EncodeObject(object));
}

Xapian::Document Made(const Document& document, const std::string& unique,
                      const std::string& time) {
  Xapian::Document made;
  made.set_data(EncodeObject(document.object));
  made.add_value(kFactsSlot, EncodeFacts(document.object.kind, document.facts));
  made.add_value(kTimeSlot, time);
  std::vector<std::string_view> terms(document.terms.begin(), document.terms.end());
  std::sort(terms.begin(), terms.end());
  terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
  for (const std::string_view term : terms) made.add_boolean_term(std::string(term));
  for (const std::string& receiver : document.receivers) {
    made.add_boolean_term(MarkedTerm(Mark::kReceiver, receiver));
  }
  made.add_boolean_term(KindTerm(document.object.kind));
  if (!document.facts.owner.empty()) {
    made.add_boolean_term(MarkedTerm(Mark::kOwner, document.facts.owner));
  }
  made.add_boolean_term(unique);
  return made;
}

}  // namespace

struct Index::State {
  std::string folder;
  FileSystem* files = nullptr;
  Xapian::WritableDatabase database;
  Progress progress;
  Xapian::docid place = kFirstPlace;  // Given last.

  Result<void> Open();
};

Index::Index(std::unique_ptr<State> state) : state_(std::move(state)) {}

Index::~Index() = default;

Result<void> Index::State::Open() {
  const auto number = [this](const char* key, uint64_t fallback) {
    const std::string text = database.get_metadata(key);
    return text.size() == sizeof(uint64_t) ? ReadBigEndian64(text) : fallback;
  };
  try {
    database = Xapian::WritableDatabase(DatabaseFolder(folder), Xapian::DB_CREATE_OR_OPEN |
                                                                    Xapian::DB_NO_SYNC |
                                                                    Xapian::DB_BACKEND_GLASS);
    progress.log_id = database.get_metadata(kLogKey);
    progress.entries = number(kEntriesKey, 0);
    progress.alerts = number(kAlertsKey, 0);
    place = static_cast<Xapian::docid>(number(kPlaceKey, kFirstPlace));
  } catch (const Xapian::Error& error) {
    return FromXapian(error, "open");
  }
  return {};
}

Result<std::unique_ptr<Index>> Index::Open(const std::string& folder, FileSystem* files) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string heading, Heading(files));
  auto state = std::make_unique<State>();
  state->folder = folder;
  state->files = files;
  bool is_of_use = IsOfUse(folder, heading, files);
  if (is_of_use) {
    const auto opened = state->Open();
    is_of_use = opened.ok();
    if (!is_of_use) {
      Log(Level::kWarning, "search_index_unreadable", {{"reason", opened.error().message}});
      state->database = Xapian::WritableDatabase();
    }
  }
  if (!is_of_use) {
    NOROSHI_RETURN_IF_ERROR(WipeIndex(folder));
    NOROSHI_RETURN_IF_ERROR(files->MakeFolder(folder, 0700));
  }
  NOROSHI_RETURN_IF_ERROR(files->WriteDurably(OpenedFile(folder), heading, 0600));
  if (files->Exists(ClosedFile(folder))) {
    NOROSHI_RETURN_IF_ERROR(files->Remove(ClosedFile(folder)));
    NOROSHI_RETURN_IF_ERROR(files->SyncFolder(folder));
  }
  if (!is_of_use) NOROSHI_RETURN_IF_ERROR(state->Open());
  return std::unique_ptr<Index>(new Index(std::move(state)));
}

const Progress& Index::progress() const { return state_->progress; }

Result<void> Index::Put(const Document& document) {
  try {
    Xapian::WritableDatabase& database = state_->database;
    const std::string unique = UniqueTerm(document.object);
    const auto known = database.postlist_begin(unique);
    const bool is_new = known == database.postlist_end(unique);
    if (is_new && state_->place == 1) return Error{ErrorCode::kNoSpace, "the index is full"};
    const Xapian::docid place = is_new ? --state_->place : *known;
    const std::string time = is_new ? BigEndian64(static_cast<uint64_t>(document.time_ms))
                                    : database.get_document(place).get_value(kTimeSlot);
    database.replace_document(place, Made(document, unique, time));
  } catch (const Xapian::Error& error) {
    return FromXapian(error, "put");
  }
  return {};
}

Result<void> Index::Remove(const Object& object) {
  try {
    state_->database.delete_document(UniqueTerm(object));
  } catch (const Xapian::Error& error) {
    return FromXapian(error, "remove");
  }
  return {};
}

Result<bool> Index::Has(const Object& object) const {
  try {
    return state_->database.term_exists(UniqueTerm(object));
  } catch (const Xapian::Error& error) {
    return FromXapian(error, "look up");
  }
}

Result<void> Index::Commit(const Progress& progress) {
  try {
    Xapian::WritableDatabase& database = state_->database;
    database.set_metadata(kLogKey, progress.log_id);
    database.set_metadata(kEntriesKey, BigEndian64(progress.entries));
    database.set_metadata(kAlertsKey, BigEndian64(progress.alerts));
    database.set_metadata(kPlaceKey, BigEndian64(state_->place));
    database.commit();
  } catch (const Xapian::Error& error) {
    return FromXapian(error, "commit");
  }
  state_->progress = progress;
  return {};
}

Result<void> Index::Close() {
  try {
    state_->database.close();
  } catch (const Xapian::Error& error) {
    return FromXapian(error, "close");
  }
  const std::string folder = DatabaseFolder(state_->folder);
  NOROSHI_ASSIGN_OR_RETURN(const auto names, state_->files->List(folder, 100));
  const std::string inside = folder + '/';
  for (const std::string& name : names) NOROSHI_RETURN_IF_ERROR(SyncFile(inside + name));
  NOROSHI_RETURN_IF_ERROR(state_->files->SyncFolder(folder));
  return state_->files->WriteDurably(ClosedFile(state_->folder), "", 0600);
}

Result<void> WipeIndex(const std::string& folder) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (error) return Error{ErrorCode::kIo, "remove " + folder + ": " + error.message()};
  return {};
}

// ---- format ----

std::string KindTerm(Kind kind) {
  return MarkedTerm(Mark::kType, std::string(1, static_cast<char>(kind)));
}

std::string EncodeFacts(Kind kind, const Facts& facts) {
  std::string bytes(1, static_cast<char>(kind));
  bytes.push_back(static_cast<char>(facts.tlp));
  bytes.append(facts.owner).push_back('\0');
  bytes.append(facts.exercise_id).push_back('\0');
  for (const std::string& circle : facts.circles) bytes.append(circle).push_back('\0');
  return bytes;
}

Result<std::pair<Kind, Facts>> DecodeFacts(std::string_view bytes) {
  const Error corrupt{ErrorCode::kCorruption, "search index: facts that are none"};
  if (bytes.size() < 2) return corrupt;
  Facts facts;
  const auto kind = static_cast<Kind>(bytes[0]);
  facts.tlp = static_cast<v1::Tlp>(bytes[1]);
  std::vector<std::string> parts;
  for (bytes.remove_prefix(2); !bytes.empty();) {
    const size_t end = bytes.find('\0');
    if (end == std::string_view::npos) return corrupt;
    parts.emplace_back(bytes.substr(0, end));
    bytes.remove_prefix(end + 1);
  }
  if (parts.size() < 2) return corrupt;
  facts.owner = std::move(parts[0]);
  facts.exercise_id = std::move(parts[1]);
  facts.circles.assign(std::make_move_iterator(parts.begin() + 2),
                       std::make_move_iterator(parts.end()));
  return std::pair(kind, std::move(facts));
}

std::string EncodeObject(const Object& object) {
  return static_cast<char>(object.kind) + object.id;
}

Object DecodeObject(std::string_view bytes) {
  NOROSHI_CHECK(!bytes.empty());
  return {static_cast<Kind>(bytes.front()), std::string(bytes.substr(1))};
}

Error FromXapian(const Xapian::Error& error, std::string_view what) {
  return {ErrorCode::kIo,
          "search index: " + std::string(what) + ": " + std::string(error.get_description())};
}

}  // namespace noroshi::search
