# One interface target carries what every file of ours is compiled with.
add_library(vef_flags INTERFACE)
target_compile_options(vef_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
# GCC 12 sees dangling pointers and overflows in inlined library code that are not there (GCC bugs 104336, 105329).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(vef_flags INTERFACE -Wno-dangling-pointer -Wno-stringop-overflow -Wno-array-bounds)
endif()
if(VEF_SANITIZE)
  target_compile_options(vef_flags INTERFACE -fsanitize=${VEF_SANITIZE} -fno-omit-frame-pointer
    -Wno-maybe-uninitialized -Wno-null-dereference)
  target_link_options(vef_flags INTERFACE -fsanitize=${VEF_SANITIZE})
endif()

# vef_layer(messages SOURCES a.cpp b.cpp LINKS other...)
#
# The library of one folder. Its headers are found as <vef/FOLDER/x.hpp>, here as after an installation, and only
# by what links it: a wrong include across layers does not compile.
function(vef_layer name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  set(root "${CMAKE_BINARY_DIR}/include/${name}")
  file(MAKE_DIRECTORY "${root}/vef")
  file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}" "${root}/vef/${name}" SYMBOLIC)
  add_library(vef_${name} STATIC ${arg_SOURCES})
  add_library(vef::${name} ALIAS vef_${name})
  target_include_directories(vef_${name} PUBLIC "${root}")
  target_link_libraries(vef_${name} PUBLIC ${arg_LINKS} PRIVATE ${arg_PRIVATE_LINKS} vef_flags)
endfunction()
