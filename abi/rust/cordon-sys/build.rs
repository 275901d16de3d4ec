//! Says where libcordon is: in CORDON_LIB_DIR, or where pkg-config finds it, or where the linker looks anyway.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=CORDON_LIB_DIR");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
    println!("cargo:rustc-link-lib=dylib=cordon");
    if let Ok(folder) = std::env::var("CORDON_LIB_DIR") {
        println!("cargo:rustc-link-search=native={folder}");
        return;
    }
    let program = std::env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".to_string());
    let found = Command::new(program).args(["--libs-only-L", "cordon >= 1.0"]).output();
    match found {
        Ok(output) if output.status.success() => {
            for word in String::from_utf8_lossy(&output.stdout).split_whitespace() {
                if let Some(folder) = word.strip_prefix("-L") {
                    println!("cargo:rustc-link-search=native={folder}");
                }
            }
        }
        _ => println!(
            "cargo:warning=pkg-config knows no cordon; set CORDON_LIB_DIR if the linker does not find libcordon.so"
        ),
    }
}
