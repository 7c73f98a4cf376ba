// The vocabularies of the government's incident statistics: event types,
// causes, kinds of government incidents, critical-infrastructure sectors and
// their CEPTOARs. Facts and source: data/taxonomy.json, data/sectors.json; they
// are compiled in, no file is read at run time.
//
// Ids are stable words of [a-z_]; they travel in messages. Names are for people.
//
// Threads: thread-safe; everything is immutable after first use.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace noroshi::taxonomy {

struct Class {
  std::string id;
  std::string name_ja;
  std::string name_en;
  std::string parent;  // Id of a group of the same vocabulary; empty: none.
};

struct Ceptoar {
  std::string id;
  std::string name_ja;
  std::string name_en;
};

struct Sector {
  std::string id;
  std::string name_ja;
  std::string name_en;
  std::vector<Ceptoar> ceptoars;
};

// In the order in which the source prints them.
const std::vector<Class>& EventTypes();       // 8
const std::vector<Class>& EventTypeGroups();  // What EventTypes()' parents name; groups may nest.
const std::vector<Class>& Causes();           // 17
const std::vector<Class>& CauseGroups();
const std::vector<Class>& GovKinds();  // 3
const std::vector<Sector>& Sectors();  // 14, with 19 CEPTOARs

// nullptr if there is none.
const Class* FindEventType(std::string_view id);
const Class* FindCause(std::string_view id);
const Class* FindGovKind(std::string_view id);
const Sector* FindSector(std::string_view id);
const Ceptoar* FindCeptoar(std::string_view sector, std::string_view id);

bool IsEventType(std::string_view id);
bool IsCause(std::string_view id);
bool IsGovKind(std::string_view id);
bool IsSector(std::string_view id);
bool IsCeptoar(std::string_view sector, std::string_view id);

// Changes whenever the data does: 12 hexadecimal digits.
const std::string& DataHash();

}  // namespace noroshi::taxonomy
