# The messages of TensorBoard's event files and of ONNX files: "store/events.pb-c.h", made from events.proto while
# building, and the same of onnx.proto.
set(generated ${CMAKE_CURRENT_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${generated})
foreach(name events onnx)
  set(messages ${generated}/store/${name}.pb-c.c ${generated}/store/${name}.pb-c.h)
  add_custom_command(OUTPUT ${messages} VERBATIM
                     COMMAND ${PROTOC_C} --proto_path=${CMAKE_CURRENT_SOURCE_DIR} --c_out=${generated} store/${name}.proto
                     DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/store/${name}.proto)
  target_sources(muster_store PRIVATE ${messages})
endforeach()
target_include_directories(muster_store PRIVATE ${generated})
