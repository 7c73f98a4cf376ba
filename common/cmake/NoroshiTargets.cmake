# noroshi_library(<folder> SOURCES a.cc ... DEPS <targets>)
#   One folder is one static library, named after its path (hub/journal -> hub_journal).
function(noroshi_library folder)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  string(REPLACE "/" "_" target ${folder})
  add_library(${target} STATIC ${ARG_SOURCES})
  target_link_libraries(${target} PUBLIC ${ARG_DEPS} noroshi_flags)
endfunction()

# noroshi_test(<name> LABELS unit SOURCES a_test.cc ... DEPS <targets>)
#   One GoogleTest program; every TEST in it becomes a ctest of its own. Tests with
#   the same LOCK never run at the same time.
function(noroshi_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT;LOCK" "LABELS;SOURCES;DEPS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(NOROSHI_SANITIZE)
    math(EXPR ARG_TIMEOUT "4 * ${ARG_TIMEOUT}")  # Several times slower.
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} noroshi_flags GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE NOROSHI_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data")
  set(lock "")
  if(ARG_LOCK)
    set(lock RESOURCE_LOCK ${ARG_LOCK})
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST
    PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} ${lock})
endfunction()
