#include "common/taxonomy/taxonomy.h"

#include <boost/json.hpp>

#include "common/base/check.h"

namespace noroshi::taxonomy {

extern const std::string_view kTaxonomyJson;
extern const std::string_view kTaxonomyJsonSha256;
extern const std::string_view kSectorsJson;
extern const std::string_view kSectorsJsonSha256;

namespace {

namespace json = boost::json;

struct Data {
  std::vector<Class> event_types;
  std::vector<Class> event_type_groups;
  std::vector<Class> causes;
  std::vector<Class> cause_groups;
  std::vector<Class> gov_kinds;
  std::vector<Sector> sectors;
  std::string hash;
};

std::string Field(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  return value == nullptr ? std::string() : std::string(value->as_string());
}

std::vector<Class> ReadClasses(const json::value& list) {
  std::vector<Class> classes;
  for (const json::value& item : list.as_array()) {
    const json::object& object = item.as_object();
    classes.push_back({Field(object, "id"), Field(object, "name_ja"), Field(object, "name_en"),
                       Field(object, "parent")});
  }
  return classes;
}

std::vector<Sector> ReadSectors(const json::value& list) {
  std::vector<Sector> sectors;
  for (const json::value& item : list.as_array()) {
    const json::object& object = item.as_object();
    Sector sector{Field(object, "id"), Field(object, "name_ja"), Field(object, "name_en"), {}};
    for (const json::value& ceptoar : object.at("ceptoars").as_array()) {
      const json::object& fields = ceptoar.as_object();
      sector.ceptoars.push_back(
          {Field(fields, "id"), Field(fields, "name_ja"), Field(fields, "name_en")});
    }
    sectors.push_back(std::move(sector));
  }
  return sectors;
}

json::value Parse(std::string_view text) {
  json::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  NOROSHI_CHECK(!error);
  return value;
}

// The data is part of the program: what does not fit is our own mistake.
Data Load() {
  const json::value taxonomy = Parse(kTaxonomyJson);
  const json::value sectors = Parse(kSectorsJson);
  Data data;
  data.event_types = ReadClasses(taxonomy.at("event_type").at("classes"));
  data.event_type_groups = ReadClasses(taxonomy.at("event_type").at("groups"));
  data.causes = ReadClasses(taxonomy.at("causes").at("classes"));
  data.cause_groups = ReadClasses(taxonomy.at("causes").at("groups"));
  data.gov_kinds = ReadClasses(taxonomy.at("gov_kind").at("classes"));
  data.sectors = ReadSectors(sectors.at("sectors"));
  data.hash.append(kTaxonomyJsonSha256.substr(0, 6)).append(kSectorsJsonSha256.substr(0, 6));
  return data;
}

const Data& TheData() {
  static const Data* data = new Data(Load());  // Lives as long as the process.
  return *data;
}

template <typename T>
const T* Find(const std::vector<T>& list, std::string_view id) {
  for (const T& item : list) {
    if (item.id == id) return &item;
  }
  return nullptr;
}

}  // namespace

const std::vector<Class>& EventTypes() { return TheData().event_types; }
const std::vector<Class>& EventTypeGroups() { return TheData().event_type_groups; }
const std::vector<Class>& Causes() { return TheData().causes; }
const std::vector<Class>& CauseGroups() { return TheData().cause_groups; }
const std::vector<Class>& GovKinds() { return TheData().gov_kinds; }
const std::vector<Sector>& Sectors() { return TheData().sectors; }

const Class* FindEventType(std::string_view id) { return Find(EventTypes(), id); }
const Class* FindCause(std::string_view id) { return Find(Causes(), id); }
const Class* FindGovKind(std::string_view id) { return Find(GovKinds(), id); }
const Sector* FindSector(std::string_view id) { return Find(Sectors(), id); }

const Ceptoar* FindCeptoar(std::string_view sector, std::string_view id) {
  const Sector* found = FindSector(sector);
  return found == nullptr ? nullptr : Find(found->ceptoars, id);
}

bool IsEventType(std::string_view id) { return FindEventType(id) != nullptr; }
bool IsCause(std::string_view id) { return FindCause(id) != nullptr; }
bool IsGovKind(std::string_view id) { return FindGovKind(id) != nullptr; }
bool IsSector(std::string_view id) { return FindSector(id) != nullptr; }
bool IsCeptoar(std::string_view sector, std::string_view id) {
  return FindCeptoar(sector, id) != nullptr;
}

const std::string& DataHash() { return TheData().hash; }

}  // namespace noroshi::taxonomy
