# Everything comes from Debian 12 packages; deploy/quickstart lists them.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Protobuf REQUIRED)  # Debian ships no CONFIG package: module mode
find_package(fmt REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc i18n)
find_package(PkgConfig REQUIRED)
pkg_check_modules(GMIME REQUIRED IMPORTED_TARGET gmime-3.0)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)
if(NOROSHI_TESTS)
  find_package(GTest REQUIRED)
endif()
find_package(RocksDB CONFIG REQUIRED)  # last: it changes CMAKE_MODULE_PATH
