/* contain MACHINE: restricts a device. Exit: 0 the device did it, 3 not (yet), 1 an error. */
#include <cordon.h>
#include <stdio.h>

int main(int argc, char **argv) {
  cordon_client *client = NULL;
  cordon_error *error = NULL;
  char *action = NULL;
  int32_t status;
  if (argc != 2) return 2;
  status = cordon_init(CORDON_ABI_VERSION, NULL, &client, &error);
  if (status == CORDON_OK)
    status = cordon_restrict_code_execution(client, argv[1], "contain the device", "{\"until\":\"finished\"}", 60000,
                                            &action, &error);
  printf("%s: %s\n", cordon_version(), status < 0 ? cordon_error_message(error) : cordon_status_name(status));
  cordon_string_free(action);
  cordon_error_free(error);
  cordon_client_free(client);
  return status == CORDON_OK ? 0 : status > 0 ? 3 : 1;
}
