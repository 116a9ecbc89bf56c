/** The most apps that an organization can have. */
export const maxApps = 200
