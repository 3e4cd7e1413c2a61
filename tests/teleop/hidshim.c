/* A hidapi without devices: the functions that easyhid calls, fed by a test over a socket.
 *
 * Built as libhidapi-hidraw.so and .so.0 and put on LD_LIBRARY_PATH, it stands in for the real
 * library below unmodified easyhid and pyspacemouse.
 *
 * HIDSHIM_DEVICES is a list of devices, `vendor:product:path[:serial]` in hexadecimal, `;` between.
 * Where the file of a path can be connected to (an AF_UNIX SEQPACKET socket of the test's), every
 * packet that comes from it is one report; a packet of one byte 0xFF says that the device is
 * unplugged, and so does the end of the connection. A path without a socket is not connected.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <wchar.h>

struct hid_device_info {
    char *path;
    unsigned short vendor_id, product_id;
    wchar_t *serial_number;
    unsigned short release_number;
    wchar_t *manufacturer_string, *product_string;
    unsigned short usage_page, usage;
    int interface_number;
    struct hid_device_info *next;
};

struct hid_device_ {
    int fd;
    int gone;
};
typedef struct hid_device_ hid_device;

static wchar_t *wide(const char *text)
{
    size_t length = strlen(text);
    wchar_t *copy = calloc(length + 1, sizeof *copy);
    for (size_t i = 0; i < length; i++)
        copy[i] = (unsigned char)text[i];
    return copy;
}

int hid_init(void) { return 0; }
int hid_exit(void) { return 0; }

struct hid_device_info *hid_enumerate(unsigned short vendor, unsigned short product)
{
    const char *listed = getenv("HIDSHIM_DEVICES");
    struct hid_device_info *first = NULL, **end = &first;
    char *all = strdup(listed ? listed : ""), *rest = all, *entry;
    while ((entry = strsep(&rest, ";"))) {
        unsigned v, p;
        char path[108] = "", serial[64] = "";
        struct stat found;
        if (sscanf(entry, "%x:%x:%107[^:]:%63s", &v, &p, path, serial) < 3)
            continue;
        if ((vendor && v != vendor) || (product && p != product) || stat(path, &found) != 0)
            continue;
        struct hid_device_info *info = calloc(1, sizeof *info);
        info->path = strdup(path);
        info->vendor_id = v;
        info->product_id = p;
        info->serial_number = wide(serial);
        info->manufacturer_string = wide("3Dconnexion");
        info->product_string = wide("SpaceMouse");
        info->usage_page = 1;
        info->usage = 8;
        *end = info;
        end = &info->next;
    }
    free(all);
    return first;
}

void hid_free_enumeration(struct hid_device_info *info)
{
    while (info) {
        struct hid_device_info *next = info->next;
        free(info->path);
        free(info->serial_number);
        free(info->manufacturer_string);
        free(info->product_string);
        free(info);
        info = next;
    }
}

hid_device *hid_open_path(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return NULL;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return NULL;
    }
    hid_device *device = calloc(1, sizeof *device);
    device->fd = fd;
    return device;
}

hid_device *hid_open(unsigned short vendor, unsigned short product, const wchar_t *serial)
{
    (void)vendor, (void)product, (void)serial;
    return NULL;
}

int hid_read_timeout(hid_device *device, unsigned char *data, size_t length, int milliseconds)
{
    unsigned char report[64];
    (void)milliseconds;
    if (device->gone)
        return -1;
    ssize_t got = recv(device->fd, report, sizeof report, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0 || (got == 1 && report[0] == 0xFF)) {
        device->gone = 1;
        return -1;
    }
    size_t kept = (size_t)got < length ? (size_t)got : length;
    memcpy(data, report, kept);
    return (int)kept;
}

int hid_read(hid_device *device, unsigned char *data, size_t length)
{
    return hid_read_timeout(device, data, length, 0);
}

int hid_write(hid_device *device, const unsigned char *data, size_t length)
{
    (void)data;
    return device->gone ? -1 : (int)length;
}

int hid_set_nonblocking(hid_device *device, int nonblock)
{
    (void)device, (void)nonblock;
    return 0;
}

int hid_send_feature_report(hid_device *device, const unsigned char *data, size_t length)
{
    return hid_write(device, data, length);
}

int hid_get_feature_report(hid_device *device, unsigned char *data, size_t length)
{
    (void)device, (void)data, (void)length;
    return -1;
}

void hid_close(hid_device *device)
{
    if (device) {
        close(device->fd);
        free(device);
    }
}

static int no_string(wchar_t *text, size_t size)
{
    if (size)
        text[0] = 0;
    return 0;
}

int hid_get_manufacturer_string(hid_device *d, wchar_t *t, size_t n) { return (void)d, no_string(t, n); }
int hid_get_product_string(hid_device *d, wchar_t *t, size_t n) { return (void)d, no_string(t, n); }
int hid_get_serial_number_string(hid_device *d, wchar_t *t, size_t n) { return (void)d, no_string(t, n); }

int hid_get_indexed_string(hid_device *d, int index, wchar_t *t, size_t n)
{
    (void)d, (void)index;
    return no_string(t, n);
}

const wchar_t *hid_error(hid_device *device)
{
    (void)device;
    return L"";
}
